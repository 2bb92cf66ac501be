from __future__ import annotations

from evaluation.passages import Join, Passage, score_passages

SHOWN = {"a1": 1, "b1": 1, "a2": 2, "b2": 2, "a3": 3, "b3": 3, "ghost": None, "c1": 1}
PASSAGES = [Passage(vehicle, "a", "b") for vehicle in (1, 2, 3)]


def join(tracklet: str, joined: str) -> Join:
    return Join(tracklet, tracklet[0], joined, joined[0])


def test_matched_missed_and_wrong() -> None:
    joins = [join("b1", "a1"), join("b1", "a1"), join("b2", "a3"), join("ghost", "a2"), join("c1", "b1"), join("b9", "a3")]
    score = score_passages(SHOWN, joins, PASSAGES)
    assert [passage.vehicle for passage in score.matched] == [1], "twice found is found once"
    assert [passage.vehicle for passage in score.missed] == [2, 3]
    assert [wrong.tracklet for wrong in score.wrong] == ["b2", "ghost", "b9"]
    assert [other.tracklet for other in score.unlisted] == ["c1"]
    assert (score.precision, score.recall) == (0.25, 1 / 3)
    assert len(score.by_link["a", "b"].wrong) == 2
    assert score.by_link["a", "b"].missed == score.missed


def test_a_join_counts_in_either_direction() -> None:
    score = score_passages(SHOWN, [join("a2", "b2")], PASSAGES)
    assert [passage.vehicle for passage in score.matched] == [2]
    wrong = score_passages(SHOWN, [join("a2", "b3")], PASSAGES)
    assert len(wrong.by_link["a", "b"].wrong) == 1


def test_nothing_happened() -> None:
    score = score_passages({}, [], [])
    assert (score.precision, score.recall, score.by_link) == (1.0, 1.0, {})
