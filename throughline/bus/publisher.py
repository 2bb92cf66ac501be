"""Messages onto the bus: the right topic, key, encoding and headers for each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from throughline.bus.protocol import Bus, Headers
from throughline.bus.topics import CAMERAS, MATCHES, TRACKLETS
from throughline.messages import CameraStatus, MatcherRecord, MatchEvent, encode_json, encode_record, schema_of
from throughline.settings.kafka import KafkaSettings

__all__ = ["Addressed", "Message", "Publisher", "address"]

Message: TypeAlias = MatcherRecord | MatchEvent | CameraStatus


@dataclass(frozen=True, slots=True)
class Addressed:
    """A message ready to be sent.

    Attributes:
        topic: Full name.
        key: Messages of one key keep their order.
        value: Encoded.
        headers: ``schema`` and ``content-type``; ``traceparent`` where a trace is given.
    """

    topic: str
    key: str
    value: bytes
    headers: Headers


def address(message: Message, settings: KafkaSettings, traceparent: str | None = None) -> Addressed:
    """Encodes ``message`` and says where it belongs.

    Args:
        message: A record for the matcher, a match event or a camera's status.
        settings: For the topic's name.
        traceparent: W3C trace context to carry along.
    """
    headers = {"schema": schema_of(message).encode()}
    if isinstance(message, MatchEvent | CameraStatus):
        headers["content-type"] = b"application/json"
        value = encode_json(message)
    else:
        headers["content-type"] = b"application/msgpack"
        value = encode_record(message)
    if traceparent is not None:
        headers["traceparent"] = traceparent.encode("ascii")
    match message:
        case CameraStatus():
            return Addressed(settings.topic(CAMERAS), f"{message.site}/{message.camera}", value, headers)
        case MatchEvent():
            return Addressed(settings.topic(MATCHES), message.site, value, headers)
        case _:
            return Addressed(settings.topic(TRACKLETS), message.site, value, headers)


class Publisher:
    """Publishes messages one by one, each call until it is acknowledged; `Pipeline` does not wait.

    Args:
        bus: Where to.
        settings: For the topics' names.
    """

    def __init__(self, bus: Bus, settings: KafkaSettings) -> None:
        self._bus, self._settings = bus, settings

    async def publish(self, message: Message, traceparent: str | None = None) -> None:
        """Publishes ``message`` and waits for the acknowledgement.

        Raises:
            RecordRefusedError: Kafka will never take it.
            BusError: it was not acknowledged in time.
        """
        parcel = address(message, self._settings, traceparent)
        await self._bus.publish(parcel.topic, parcel.key, parcel.value, parcel.headers)
