"""Messages and dead letters onto the bus."""

from __future__ import annotations

import msgspec
import pytest

from throughline.bus import DeadLetters, MemoryBus, Message, Publisher, Record
from throughline.messages import (
    SCHEMAS,
    CameraStatus,
    Clock,
    Correction,
    MatchEvent,
    Progress,
    Tracklet,
    TrackletRef,
    Watch,
    decode_camera_status,
    decode_match_event,
    decode_record,
)
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource

SETTINGS = KafkaSettings(prefix="city")
TRACKLET = Tracklet("harbour", "c01", "c01-1-1", 0, "opened", 1, 2, Clock(ClockSource.RTCP, 0.01))
MATCH = MatchEvent("e1", 1, "new", "harbour", "v1", TrackletRef("c01", "c01-1-1", 1, 2), 3)

MATCHER_RECORDS: list[Message] = [
    TRACKLET,
    Progress("harbour", "c01", 5),
    Correction("harbour", 6, "a", "b", same=True),
    Watch("harbour", 7, "stolen"),
]


def test_every_message_is_tried_here() -> None:
    assert {type(message) for message in (*MATCHER_RECORDS, MATCH, CameraStatus("s", "c", "live", 1))} == set(SCHEMAS)


@pytest.mark.parametrize("message", MATCHER_RECORDS, ids=lambda message: type(message).__name__)
async def test_what_the_matcher_decides_from_goes_to_one_topic_in_one_order(message: Message) -> None:
    record = await published(message)
    assert (record.topic, record.key) == ("city.tracklets", b"harbour")
    assert record.headers == {"schema": SCHEMAS[type(message)].encode(), "content-type": b"application/msgpack"}
    assert decode_record(record.value or b"") == message


async def test_match_events_are_json_under_their_site() -> None:
    record = await published(MATCH)
    assert (record.topic, record.key) == ("city.matches", b"harbour")
    assert record.headers == {"schema": b"match/1", "content-type": b"application/json"}
    assert decode_match_event(record.value or b"") == MATCH
    assert msgspec.json.decode(record.value or b"")["vehicle"] == "v1"


async def test_camera_status_is_json_under_its_camera() -> None:
    status = CameraStatus("harbour", "c07", "stalled", 8)
    record = await published(status)
    assert (record.topic, record.key) == ("city.cameras", b"harbour/c07")
    assert record.headers == {"schema": b"camera/1", "content-type": b"application/json"}
    assert decode_camera_status(record.value or b"") == status


async def test_a_trace_travels_along() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert (await published(TRACKLET, trace)).headers["traceparent"] == trace.encode()


async def published(message: Message, traceparent: str | None = None) -> Record:
    bus = MemoryBus()
    await bus.start()
    await Publisher(bus, SETTINGS).publish(message, traceparent)
    (record,) = [record for name in ("tracklets", "matches", "cameras") for record in bus.log(SETTINGS.topic(name))]
    return record


@pytest.mark.parametrize("key", [b"harbour", b"\xff\xfe", None])
async def test_a_dead_letter_keeps_what_came_and_says_what_was_wrong(key: bytes | None) -> None:
    metrics = Metrics()
    bus = MemoryBus(metrics)
    await bus.start()
    unreadable = Record("city.tracklets", 2, 41, key, b"\xc1rubbish", {"schema": b"tracklet/1", "reason": b"forged"})
    await DeadLetters(bus, SETTINGS, metrics).publish(unreadable, "unreadable", "no such record é")
    (letter,) = bus.log("city.dead-letters")
    assert (letter.key, letter.value) == (key or b"", b"\xc1rubbish")
    assert letter.headers == {
        "schema": b"tracklet/1",
        "reason": "unreadable: no such record é".encode(),
        "source-topic": b"city.tracklets",
        "source-partition": b"2",
        "source-offset": b"41",
    }
    labels = {"topic": "city.tracklets", "reason": "unreadable"}
    assert metrics.registry.get_sample_value("throughline_dead_letters_total", labels) == 1
