"""Bins of probability, and counting of joins in them."""

from __future__ import annotations

import copy

from matcher.quality.report import BIN_NAMES, BINS, Judged, QualityReport, bin_of


def test_bins_cover_all_probabilities() -> None:
    assert len(BINS) == len(BIN_NAMES) == 10
    assert [BIN_NAMES[bin_of(p)] for p in (0.0, 0.5, 0.51, 0.95, 0.9951, 1.0, 1.0 + 1e-12)] == [
        "0-0.5",
        "0-0.5",
        "0.5-0.6",
        "0.9-0.95",
        "0.995-1",
        "0.995-1",
        "0.995-1",
    ]


def test_joins_are_counted_with_their_probability() -> None:
    judged = Judged().and_one(0.9, stood=True).and_one(0.8, stood=False)
    assert judged == Judged(1, 1, 0.9 + 0.8)
    later = judged.and_one(0.7, stood=True)
    assert later.since(judged) == Judged(1, 0, later.expected - judged.expected)
    assert judged.since(None) == judged


def test_copies_share_a_report() -> None:
    report = QualityReport()
    assert copy.deepcopy(report) is report
