import msgspec
import numpy as np
import pytest

from throughline.messages import (
    SCHEMAS,
    Clock,
    Correction,
    Embedding,
    MatchEvent,
    PathPoint,
    Progress,
    Tracklet,
    TrackletRef,
    UnreadableMessageError,
    Watch,
    decode_match_event,
    decode_record,
    encode_json,
    encode_record,
    schema_of,
)
from throughline.types import ClockSource


def tracklet(**changes: object) -> Tracklet:
    vector = np.full(512, 512**-0.5, np.float32)
    base = Tracklet(
        site="harbour",
        camera="c01",
        tracklet="c01-1700000000000000-7",
        revision=2,
        state="closed",
        start=1_700_000_000_000_000,
        end=1_700_000_003_000_000,
        clock=Clock(ClockSource.RTCP, 0.02),
        types={"car": 0.9, "truck": 0.1},
        path=tuple(PathPoint(1_700_000_000_000_000 + k * 250_000, 10.0 + k, 20.0, 80.0, 60.0) for k in range(12)),
        embeddings=(Embedding.of("default", "0123456789abcdef", vector),),
    )
    return msgspec.structs.replace(base, **changes)


@pytest.mark.parametrize(
    "record",
    [
        tracklet(),
        Progress("harbour", "c01", 1_700_000_000_000_000),
        Correction("harbour", 1, "a", "b", True, "anna"),
        Watch("harbour", 1, "stolen van", (Embedding.of("default", "00", np.ones(4, np.float32)),)),
    ],
)
def test_every_record_of_the_tracklets_topic_survives_the_wire(record: Tracklet | Progress | Correction | Watch) -> None:
    assert decode_record(encode_record(record)) == record
    assert schema_of(record) in SCHEMAS.values()


def test_a_tracklet_with_one_embedding_of_512_numbers_is_about_2_kilobytes() -> None:
    assert 1200 < len(encode_record(tracklet())) < 2200


def test_a_reader_accepts_fields_it_does_not_know() -> None:
    fields = msgspec.msgpack.decode(encode_record(tracklet()))
    fields["speed"] = 13.9
    assert decode_record(msgspec.msgpack.encode(fields)) == tracklet()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"not msgpack", "Expected `object`"),
        (msgspec.msgpack.encode({"record": "gossip"}), "gossip"),
        (msgspec.msgpack.encode({"record": "progress", "site": "s", "camera": "c"}), "complete_to"),
        (msgspec.msgpack.encode({**msgspec.msgpack.decode(encode_record(tracklet())), "end": 5}), "ends before it starts"),
    ],
)
def test_an_unreadable_record_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableMessageError, match=reason):
        decode_record(data)


def test_embeddings_keep_direction_within_half_precision() -> None:
    rng = np.random.default_rng(1)
    vector = rng.normal(size=256).astype(np.float32)
    vector /= np.linalg.norm(vector)
    exemplars = np.stack([vector, -vector])
    packed = Embedding.of("m", "0", vector, exemplars)
    assert float(packed.vector() @ vector) == pytest.approx(1.0, abs=1e-4)
    assert packed.exemplar_vectors().shape == (2, 256)
    assert float(packed.exemplar_vectors()[1] @ vector) == pytest.approx(-1.0, abs=1e-4)


@pytest.mark.parametrize("mean", [b"", b"\0" * 8, np.array([1, np.nan, 0, 0], "<f2").tobytes()])
def test_a_broken_embedding_is_unreadable(mean: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        Embedding("m", "0", 4, mean).vector()


def test_equal_match_events_are_equal_bytes() -> None:
    event = MatchEvent("e1", 1, "new", "harbour", "v1", TrackletRef("c01", "t", 1, 2), 3)
    assert encode_json(event) == encode_json(decode_match_event(encode_json(event)))
    with pytest.raises(UnreadableMessageError):
        decode_match_event(b'{"event": 3}')
