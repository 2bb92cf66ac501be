from __future__ import annotations

import pytest

from benchmarks._tracking_report import MEAN, markdown_table, verdicts, with_mean
from benchmarks._tracking_scores import TrackingScore
from benchmarks._tracking_sets import Drop


def scored(hota: float, idf1: float) -> dict[Drop, TrackingScore]:
    return {"full": TrackingScore(hota, hota, hota, idf1, 0.5, 3.0), "second": TrackingScore(hota / 2, 0, 0, idf1 / 2, 0.25, 4.0)}


SCORES = {
    "road": {"ours": scored(0.8, 0.6), "ours, live": scored(0.9, 0.9), "A": scored(0.7, 0.7), "B": scored(0.6, 0.4)},
    "scene": {"ours": scored(0.4, 0.6), "ours, live": scored(0.9, 0.9), "A": scored(0.3, 0.3), "B": scored(0.5, 0.2)},
}


def test_the_best_peer_is_named_for_each_measure() -> None:
    found = {(one.group, one.drop, one.measure): one for one in verdicts(with_mean(SCORES), "ours", frozenset({"ours, live"}))}
    assert len(found) == 3 * 2 * 2
    road = found["road", "full", "hota"]
    assert road.peer == "A"
    assert road.lead == pytest.approx(0.1)
    assert str(road) == "road, all frames, HOTA: ours leads, 80.0 against 70.0 of the best peer (A), +10.0"
    behind = found["scene", "second", "hota"]
    assert behind.peer == "B"
    assert behind.lead == pytest.approx(-0.05)
    assert "IS BEHIND, 20.0 against 25.0" in str(behind)
    assert found[MEAN, "full", "idf1"].ours == pytest.approx(0.6)
    assert found[MEAN, "full", "idf1"].peer == "A"
    assert found[MEAN, "full", "idf1"].theirs == pytest.approx(0.5)


def test_the_table_has_a_row_for_each_tracker_and_marks_the_best() -> None:
    lines = markdown_table(with_mean(SCORES)).splitlines()
    assert lines[0].split(" | ")[:4] == ["| set", "tracker", "HOTA, all frames", "IDF1, all frames"]
    assert len(lines) == 2 + 3 * 4
    assert {line.count("|") for line in lines} == {11}
    assert lines[3] == "| road | ours, live | **90.0** | **90.0** | **50.0** | 3 | **45.0** | **45.0** | **25.0** | 4 |"
    assert lines[4] == "| road | A | 70.0 | 70.0 | **50.0** | 3 | 35.0 | 35.0 | **25.0** | 4 |"
    assert lines[-1].startswith(f"| {MEAN} | B | 55.0 | 30.0 |")
