"""The records on Kafka, as msgspec structs: the product's public interface.

A reader accepts every minor addition (unknown fields are ignored, new fields have defaults). What cannot be read raises
`UnreadableMessageError` and goes to the dead-letter topic with the reason in a header. JSON Schemas of all of them are
generated into ``docs/reference/schemas`` by ``python -m throughline.schemas``.
"""

from throughline.messages._cameras import CameraStatus
from throughline.messages._codec import (
    SCHEMAS,
    decode_camera_status,
    decode_match_event,
    decode_record,
    encode_json,
    encode_record,
    schema_of,
)
from throughline.messages._errors import UnreadableMessageError
from throughline.messages._matches import Evidence, Gate, MatchEvent, MatchKind, RunnerUp, TrackletRef
from throughline.messages._records import Correction, MatcherRecord, Progress, Tracklet, TrackletState, Watch
from throughline.messages._sightings import BestShot, Clock, Embedding, GroundPoint, PathPoint
from throughline.messages._traces import Comparison, DecisionTrace, Rejection, Share

__all__ = [
    "SCHEMAS",
    "BestShot",
    "CameraStatus",
    "Clock",
    "Comparison",
    "Correction",
    "DecisionTrace",
    "Embedding",
    "Evidence",
    "Gate",
    "GroundPoint",
    "MatchEvent",
    "MatchKind",
    "MatcherRecord",
    "PathPoint",
    "Progress",
    "Rejection",
    "RunnerUp",
    "Share",
    "Tracklet",
    "TrackletRef",
    "TrackletState",
    "UnreadableMessageError",
    "Watch",
    "decode_camera_status",
    "decode_match_event",
    "decode_record",
    "encode_json",
    "encode_record",
    "schema_of",
]
