from __future__ import annotations

import msgspec
import numpy as np
import pytest

from matcher.search.exact import ExactIndex
from matcher.search.history import Found, History
from matcher.search.selection import Selection
from tests.support.looks import clustered, unit
from tests.support.traffic import START, tracklet
from throughline.messages import BestShot, Embedding, MatchEvent, MatchKind, Tracklet, TrackletRef
from throughline.settings import SearchSettings
from throughline.times import after

MODEL = ("test", "0" * 16)
LOOKS = clustered(6, 1, seed=3, dimension=64)
EVERYTHING = Selection()


def history(**settings: float) -> History:
    return History(SearchSettings.model_validate({"keep": 100.0, **settings}), ExactIndex)


def seen(name: str, look: int, start: float, end: float, *, camera: str = "c1", revision: int = 0) -> Tracklet:
    return tracklet(camera, start, end, name=name, look=LOOKS[look], revision=revision)


def decision(
    one: Tracklet, vehicle: str, kind: MatchKind = "confirmed", joined: Tracklet | None = None, sequence: int = 1
) -> MatchEvent:
    def reference(of: Tracklet) -> TrackletRef:
        return TrackletRef(of.camera, of.tracklet, of.start, of.end, f"shots/{of.tracklet}.jpg")

    return MatchEvent(
        f"{one.tracklet}-{kind}",
        sequence,
        kind,
        "test",
        vehicle,
        reference(one),
        one.end,
        None if joined is None else reference(joined),
        probability=0.9,
    )


def search(kept: History, look: int = 0, limit: int = 10, selection: Selection = EVERYTHING) -> list[Found]:
    return kept.search(MODEL, LOOKS[look], limit, selection)[0]


def names(found: list[Found]) -> list[list[str]]:
    return [[there.passage.tracklet for there in one.seen] for one in found]


def test_the_most_alike_come_first() -> None:
    kept = history()
    for number in range(6):
        kept.record(seen(f"t{number}", number, number, number + 1))
    found = search(kept, 4)
    assert names(found)[0] == ["t4"]
    assert found[0].similarity == pytest.approx(1.0, abs=1e-3)
    cosines = sorted((LOOKS @ LOOKS[4]).tolist(), reverse=True)
    assert [one.similarity for one in found] == pytest.approx(cosines, abs=1e-3)
    assert len(search(kept, 4, limit=2)) == 2


def test_tracklets_of_one_vehicle_are_one_hit_and_the_best_of_its_vectors_counts() -> None:
    kept = history()
    first, second, other = seen("t0", 0, 0, 2), seen("t1", 1, 10, 12, camera="c2"), seen("t2", 2, 20, 22)
    for record in (first, second, other):
        kept.record(record)
    kept.decide(decision(first, "v0", "new"))
    kept.decide(decision(second, "v0", joined=first))
    found = search(kept, 1)
    assert [one.vehicle for one in found] == ["v0", None]
    assert names(found)[0] == ["t1", "t0"], "most alike first"
    assert found[0].similarity == found[0].seen[0].similarity == pytest.approx(1.0, abs=1e-3)
    assert [passage.tracklet for passage in kept.passages("v0")] == ["t0", "t1"], "in the order of time"


def test_a_vehicle_with_many_tracklets_does_not_crowd_out_others() -> None:
    kept = history(keep=1000)
    for number in range(60):
        kept.record(one := seen(f"a{number}", 0, number, number + 1))
        kept.decide(decision(one, "a"))
    for number in range(1, 6):
        kept.record(seen(f"b{number}", number, number, number + 1))
    found = search(kept, 0, limit=4)
    assert found[0].vehicle == "a"
    assert len(found[0].seen) == 60
    assert len(found) == 4


def test_ids_follow_what_is_revised_and_retracted() -> None:
    kept = history()
    first, second = seen("t0", 0, 0, 2), seen("t1", 1, 10, 12)
    for record in (first, second):
        kept.record(record)
    kept.decide(decision(second, "guess", "provisional", first))
    assert {passage.tracklet for passage in kept.passages("guess")} == {"t0", "t1"}, "what it was joined to is the same vehicle"
    kept.decide(decision(first, "v0", "new"))
    kept.decide(decision(second, "v0", "confirmed", first))
    assert kept.passages("guess") == []
    assert len(kept.passages("v0")) == 2
    kept.decide(decision(second, "late", "provisional"))
    assert len(kept.passages("v0")) == 2, "a guess does not overrule a decision"
    kept.decide(decision(second, "v1", "retracted"))
    assert [passage.tracklet for passage in kept.passages("v0")] == ["t0"]
    assert [(passage.tracklet, passage.decision) for passage in kept.passages("v1")] == [("t1", "retracted")]
    kept.decide(decision(first, "v1", "revised", second))
    assert kept.passages("v0") == []
    assert [one.vehicle for one in search(kept, 0)] == ["v1"]
    kept.decide(decision(first, "watched", "watchlist"))
    assert len(kept.passages("v1")) == 2


def test_a_decision_may_be_read_before_its_tracklet() -> None:
    kept = history()
    one = seen("t0", 0, 0, 2)
    kept.decide(decision(one, "v0"))
    assert [(passage.tracklet, passage.best_shot) for passage in kept.passages("v0")] == [("t0", "shots/t0.jpg")]
    assert search(kept) == [], "nobody knows yet how it looks"
    kept.record(one)
    assert [one.vehicle for one in search(kept)] == ["v0"]
    assert len(kept) == 1


def test_updated_revisions_replace_and_older_ones_do_not() -> None:
    kept = history()
    kept.record(seen("t0", 0, 0, 2))
    assert kept.vectors == 1
    kept.record(msgspec.structs.replace(seen("t0", 3, 0, 5, revision=2), best_shot=BestShot("shots/a.jpg", START, 0.5)))
    kept.record(seen("t0", 1, 0, 3, revision=1))
    kept.record(tracklet("c1", 0, 6, name="t0", revision=3))  # nothing new about its looks
    assert kept.vectors == 1
    assert search(kept, 3)[0].similarity == pytest.approx(1.0, abs=1e-3)
    (passage,) = (one.passage for one in search(kept, 3)[0].seen)
    assert (passage.end, passage.best_shot) == (after(START, 6), "shots/a.jpg")
    assert kept.skipped["repeated"] == 1


def test_exemplars_count_and_are_bounded() -> None:
    views = clustered(8, 1, seed=5, dimension=64)
    whole = msgspec.structs.replace(seen("t0", 0, 0, 2), embeddings=(Embedding.of(*MODEL, LOOKS[0], views),))
    kept = history(exemplars=3)
    kept.record(whole)
    assert kept.vectors == 4
    assert kept.search(MODEL, views[2], 1, EVERYTHING)[0][0].similarity == pytest.approx(1.0, abs=1e-3)
    fewer = msgspec.structs.replace(whole, revision=1, embeddings=(Embedding.of(*MODEL, LOOKS[0], views[:1]),))
    kept.record(fewer)
    assert kept.vectors == 2
    assert kept.search(MODEL, views[2], 1, EVERYTHING)[0][0].similarity < 0.9


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(["c2"]), {"t1"}),
        (Selection(["c1", "c2"]), {"t0", "t1", "t2"}),
        (Selection(["c9"]), set()),
        (Selection(since=after(START, 12)), {"t1", "t2"}),
        (Selection(since=after(START, 12.5)), {"t2"}),
        (Selection(until=after(START, 10)), {"t0", "t1"}),
        (Selection(["c1"], after(START, 1), after(START, 15)), {"t0"}),
    ],
)
def test_cameras_and_times_narrow_the_search(selection: Selection, expected: set[str]) -> None:
    kept = history()
    kept.record(seen("t0", 0, 0, 2))
    kept.record(seen("t1", 1, 10, 12, camera="c2"))
    kept.record(seen("t2", 2, 20, 22))
    assert {name for hit in names(search(kept, selection=selection)) for name in hit} == expected
    for record in (seen("t0", 0, 0, 2), seen("t1", 1, 10, 12, camera="c2"), seen("t2", 2, 20, 22)):
        kept.decide(decision(record, "v"))
    assert {name for hit in names(search(kept, selection=selection)) for name in hit} == expected


def test_what_is_too_old_goes_in_the_time_of_the_records() -> None:
    kept = history(keep=100)
    kept.record(first := seen("t0", 0, 0, 2))
    kept.decide(decision(first, "v0"))
    kept.record(seen("t1", 1, 0, 5))
    kept.record(seen("t1", 1, 0, 90, revision=1))  # still in view
    kept.record(seen("t2", 2, 101, 102.5))
    assert sorted(names(search(kept, 0))) == [["t1"], ["t2"]]
    assert kept.passages("v0") == []
    assert kept.evicted == {"age": 1}
    kept.record(seen("t3", 3, 0, 1))
    kept.decide(decision(first, "v0", "revised"))
    assert kept.skipped["old"] == 2
    kept.advance(after(START, 1000))  # without any traffic
    assert (len(kept), kept.vectors, kept.models) == (0, 0, ())
    assert search(kept) == []


def test_a_cap_bounds_vectors_and_tracklets_the_oldest_go() -> None:
    kept = history(max_vectors=100, keep=1e6)
    for number in range(250):
        kept.record(seen(f"t{number}", number % 6, number, number + 1))
    assert (len(kept), kept.vectors) == (100, 100)
    assert kept.evicted == {"capacity": 150}
    assert {name for hit in names(search(kept, 0, limit=200)) for name in hit} == {f"t{n}" for n in range(150, 250)}
    for number in range(300):  # without vectors
        kept.record(tracklet("c1", 1000 + number, 1001 + number, name=f"u{number}"))
    assert (len(kept), kept.vectors) == (100, 0)


def test_embeddings_that_cannot_be_used_are_counted() -> None:
    kept = history()
    kept.record(seen("t0", 0, 0, 1))
    short = Embedding.of(*MODEL, unit(np.ones(8)))
    kept.record(msgspec.structs.replace(seen("t1", 0, 0, 1), embeddings=(short,)))
    broken = msgspec.structs.replace(short, mean=b"\0")
    kept.record(msgspec.structs.replace(seen("t2", 0, 0, 1), embeddings=(broken,)))
    assert kept.skipped == {"mismatch": 1, "unreadable": 1}
    assert names(search(kept)) == [["t0"]]


def test_models_are_kept_apart() -> None:
    kept = history()
    kept.record(seen("t0", 0, 0, 1))
    other = Embedding.of("other", "1" * 16, LOOKS[0])
    kept.record(msgspec.structs.replace(seen("t1", 0, 0, 1), embeddings=(other,)))
    assert names(search(kept)) == [["t0"]]
    assert kept.models == (MODEL, ("other", "1" * 16))
    assert list(kept.looks_of("t1")) == [("other", "1" * 16)]
    assert kept.looks_of("t0")[MODEL] == pytest.approx(LOOKS[0], abs=1e-3)
    assert kept.looks_of("nobody") == {}
