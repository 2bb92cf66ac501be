from __future__ import annotations

from benchmarks._association_report import Findings, markdown_tables
from benchmarks._association_sets import QualityScore

BASE = Findings("as is", "as is", {"A": [QualityScore(0.9, 0.8)], "B": [QualityScore(0.5, 0.4)]})
OFF = Findings("looks off", "ablation", {"A": [QualityScore(0.8, 0.81)], "B": [QualityScore(0.5, 0.1)]})
WRONG = Findings(
    "clocks wrong", "robustness", {"A": [QualityScore(0.7, 0.6), QualityScore(0.8, 0.8)], "B": [QualityScore(0.5, 0.4)] * 2}
)


def test_each_kind_of_change_has_a_table_that_begins_with_the_sets_as_they_are() -> None:
    ablation, robustness = markdown_tables([BASE, OFF, WRONG]).strip().split("\n\n")
    assert ablation.splitlines() == [
        "| ablation | A, IDF1 | A, pairs | B, IDF1 | B, pairs |",
        "|---|---:|---:|---:|---:|",
        "| as is | 90.0 | 80.0 | 50.0 | 40.0 |",
        "| looks off | 80.0 (-10.0) | 81.0 (+1.0) | 50.0 (+0.0) | 10.0 (-30.0) |",
    ]
    assert robustness.splitlines()[2:] == [
        "| as is | 90.0 | 80.0 | 50.0 | 40.0 |",
        "| clocks wrong | 75.0 (-15.0) | 70.0 (-10.0) | 50.0 (+0.0) | 40.0 (+0.0) |",
    ]


def test_the_sets_as_they_are_alone_make_a_table_too() -> None:
    assert markdown_tables([BASE]).splitlines()[2] == "| as is | 90.0 | 80.0 | 50.0 | 40.0 |"


def test_plain_values_hold_every_run_and_their_mean() -> None:
    found = WRONG.to_json()
    assert found["scores"]["A"] == [{"idf1": 0.7, "pair_f1": 0.6}, {"idf1": 0.8, "pair_f1": 0.8}]
    assert found["mean"]["A"] == {"idf1": 0.75, "pair_f1": 0.7}
