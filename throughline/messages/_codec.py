"""Messages as bytes, and back."""

from __future__ import annotations

from typing import Final

import msgspec

from throughline.messages._cameras import CameraStatus
from throughline.messages._errors import UnreadableMessageError
from throughline.messages._matches import MatchEvent
from throughline.messages._records import Correction, MatcherRecord, Progress, Tracklet, Watch

__all__ = [
    "SCHEMAS",
    "decode_camera_status",
    "decode_match_event",
    "decode_record",
    "encode_json",
    "encode_record",
    "schema_of",
]

SCHEMAS: Final[dict[type[msgspec.Struct], str]] = {
    Tracklet: "tracklet/1",
    Progress: "progress/1",
    Correction: "correction/1",
    Watch: "watch/1",
    MatchEvent: "match/1",
    CameraStatus: "camera/1",
}
"""The ``schema`` header of each message: name and major version."""

_record_encoder = msgspec.msgpack.Encoder()
_record_decoder: msgspec.msgpack.Decoder[MatcherRecord] = msgspec.msgpack.Decoder(MatcherRecord)
_json_encoder = msgspec.json.Encoder()
_match_decoder = msgspec.json.Decoder(MatchEvent)
_status_decoder = msgspec.json.Decoder(CameraStatus)


def schema_of(message: msgspec.Struct) -> str:
    """The ``schema`` header of ``message``."""
    return SCHEMAS[type(message)]


def encode_record(record: MatcherRecord) -> bytes:
    """MessagePack, for ``throughline.tracklets``."""
    return _record_encoder.encode(record)


def decode_record(data: bytes) -> MatcherRecord:
    """Reads a record of ``throughline.tracklets``.

    Raises:
        UnreadableMessageError: it is none; the text says what is wrong with it.
    """
    try:
        return _record_decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableMessageError(str(error)) from error


def encode_json(message: MatchEvent | CameraStatus) -> bytes:
    """JSON, one line, fields in the order of the struct: equal messages are equal bytes."""
    return _json_encoder.encode(message)


def decode_match_event(data: bytes) -> MatchEvent:
    """Reads an event of ``throughline.matches``.

    Raises:
        UnreadableMessageError: it is none; the text says what is wrong with it.
    """
    try:
        return _match_decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableMessageError(str(error)) from error


def decode_camera_status(data: bytes) -> CameraStatus:
    """Reads a record of ``throughline.cameras``.

    Raises:
        UnreadableMessageError: it is none; the text says what is wrong with it.
    """
    try:
        return _status_decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableMessageError(str(error)) from error
