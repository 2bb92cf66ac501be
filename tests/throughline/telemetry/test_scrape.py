import math

import pytest

from throughline.telemetry.metrics import Metrics
from throughline.telemetry.scrape import Scrape


def test_counters_are_summed_over_the_labels_not_asked_for() -> None:
    metrics = Metrics()
    metrics.frames_dropped.labels("c1", "busy").inc(3)
    metrics.frames_dropped.labels("c1", "rate").inc(2)
    metrics.frames_dropped.labels("c2", "busy").inc(5)
    scrape = Scrape.parse(metrics.exposition())
    assert scrape.total("throughline_frames_dropped_total") == 10
    assert scrape.total("throughline_frames_dropped_total", camera="c1") == 5
    assert scrape.total("throughline_frames_dropped_total", reason="busy") == 8


def test_quantiles_are_linear_within_a_bucket_and_can_begin_at_an_earlier_visit() -> None:
    metrics = Metrics()
    for _ in range(100):
        metrics.capture_to_tracklet.labels("c1").observe(9.0)
    before = Scrape.parse(metrics.exposition())
    for value in (0.06, 0.07, 0.08, 0.09):
        metrics.capture_to_tracklet.labels("c1").observe(value)
    after = Scrape.parse(metrics.exposition())
    name = "throughline_capture_to_tracklet_seconds"
    assert after.quantile(name, 0.5, before) == pytest.approx(0.075)
    assert after.quantile(name, 1.0, before) == pytest.approx(0.1)
    assert after.quantile(name, 0.5) > 5
    assert math.isnan(before.quantile(name, 0.5, before))
    assert math.isnan(before.quantile(name, 0.5, camera="c9"))
