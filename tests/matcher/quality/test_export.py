"""What the core found reaches Prometheus once, also across restarts."""

from __future__ import annotations

from collections import Counter

import pytest

from matcher.delivery.export import Exporter
from matcher.quality import QualityReport
from matcher.quality.report import Judged, bin_of
from matcher.statistics import Statistics
from tests.support.traffic import chain_site
from throughline.telemetry.metrics import Metrics


def report(times: int) -> QualityReport:
    return QualityReport(
        Counter(first=8 * times, given_way=times),
        Counter(kept=5 * times, changed=times),
        Counter(agree=3 * times, weak=times),
        Counter({("c1", "new"): 4 * times, ("c2", "joined"): 3 * times}),
        Counter({"c1->c2": 2 * times, "c3->c1": times, "c1->c3": times}),
        {("confirmed", bin_of(0.97)): Judged(2 * times, times, 2.9 * times)},
        {("c1", "default"): 0.1 * times},
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"throughline_{name}", {"site": "test", **labels})


def test_counts_rise_by_what_has_come_on_top() -> None:
    site = chain_site(3)
    metrics, statistics = Metrics(), Statistics()
    exporter = Exporter(site, metrics)
    for times in (1, 3, 3):
        statistics.quality = report(times)
        exporter.statistics = statistics
        exporter.export()
    assert value(metrics, "match_choices_total", choice="given_way") == 3
    assert value(metrics, "provisional_outcomes_total", outcome="changed") == 3
    assert value(metrics, "match_cycles_total", agreement="agree") == 9
    assert value(metrics, "first_decisions_total", camera="c2", outcome="joined") == 9
    assert value(metrics, "link_arrivals_total", link="c1->c2") == 6
    assert value(metrics, "link_arrivals_total", link="unlisted") == 6, "two links that the site file does not list"
    assert value(metrics, "link_arrivals_total", link="c3->c1") is None
    assert value(metrics, "judged_joins_total", stage="confirmed", bin="0.95-0.98", outcome="stood") == 6
    assert value(metrics, "judged_joins_total", stage="confirmed", bin="0.95-0.98", outcome="withdrawn") == 3
    assert value(metrics, "judged_probability_total", stage="confirmed", bin="0.95-0.98") == pytest.approx(8.7)
    assert value(metrics, "embedding_drift_ratio", camera="c1", model="default") == pytest.approx(0.3)


def test_what_a_predecessor_has_told_is_not_told_again() -> None:
    metrics = Metrics()
    exporter = Exporter(chain_site(3), metrics, Statistics(quality=report(2)))
    exporter.statistics = Statistics(quality=report(3))
    exporter.export()
    assert value(metrics, "match_choices_total", choice="first") == 8
    assert value(metrics, "judged_joins_total", stage="confirmed", bin="0.95-0.98", outcome="withdrawn") == 1
