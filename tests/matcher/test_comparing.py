"""What two runs decided otherwise is counted by tracklet and by pair."""

from __future__ import annotations

from itertools import combinations, count
from random import Random

from matcher.comparing import compare
from throughline.messages import MatchEvent, MatchKind, TrackletRef

NUMBERS = count(1)


def event(kind: MatchKind, tracklet: str, vehicle: str, joined: str | None = None) -> MatchEvent:
    def reference(name: str) -> TrackletRef:
        return TrackletRef(f"camera-{name}", name, 10 * ord(name[0]), 10 * ord(name[0]) + 5)

    number = next(NUMBERS)
    other = None if joined is None else reference(joined)
    return MatchEvent(f"e{number}", number, kind, "site", vehicle, reference(tracklet), 0, other)


def test_a_run_is_like_itself() -> None:
    events = [event("new", "a", "1"), event("provisional", "b", "1", "a"), event("confirmed", "b", "1", "a")]
    changes = compare(events, events)
    assert changes.differences == ()
    assert (changes.tracklets, changes.same_pairs, changes.lost_pairs, changes.gained_pairs) == (2, 1, 0, 0)
    assert changes.events == {"confirmed": (1, 1), "new": (1, 1), "provisional": (1, 1)}


def test_each_change_has_its_name() -> None:
    before = [
        event("new", "a", "1"),
        event("new", "b", "2"),
        event("confirmed", "c", "1", "a"),
        event("confirmed", "d", "2", "b"),
        event("new", "e", "5"),
        event("new", "f", "6"),
    ]
    after = [
        event("new", "a", "1"),
        event("new", "b", "2"),
        event("confirmed", "c", "2", "b"),
        event("new", "d", "4"),
        event("confirmed", "e", "1", "a"),
        event("new", "g", "7"),
    ]
    changes = compare(before, after)
    assert {one.tracklet: one.change for one in changes.differences} == {
        "c": "another",
        "d": "parted",
        "e": "joined",
        "f": "only_before",
        "g": "only_after",
    }
    assert [one.tracklet for one in changes.differences] == ["c", "d", "e", "f", "g"]
    assert changes.count("another") == 1
    assert changes.tracklets == 7
    first = changes.differences[0]
    assert first.camera == "camera-c"
    assert first.before is before[2]
    assert first.after is after[2]


def test_the_last_word_counts_and_provisional_ones_do_not() -> None:
    before = [event("confirmed", "b", "1", "a"), event("retracted", "b", "2"), event("provisional", "b", "1", "a")]
    after = [event("new", "b", "3")]
    assert compare(before, after).differences == ()


def test_pairs_are_those_that_counting_one_by_one_finds() -> None:
    random = Random(3)
    tracklets = [chr(97 + number) for number in range(20)]
    runs = [{tracklet: str(random.randrange(6)) for tracklet in random.sample(tracklets, 17)} for _ in range(2)]
    pairs = [{pair for pair in combinations(sorted(run), 2) if run[pair[0]] == run[pair[1]]} for run in runs]
    events = [[event("new", tracklet, vehicle) for tracklet, vehicle in run.items()] for run in runs]
    changes = compare(*events)
    assert changes.same_pairs == len(pairs[0] & pairs[1])
    assert changes.lost_pairs == len(pairs[0] - pairs[1])
    assert changes.gained_pairs == len(pairs[1] - pairs[0])
