"""Metrics with a value for every label, as after a long and eventful life."""

from __future__ import annotations

import time

from prometheus_client import Counter, Gauge, Histogram

from throughline.telemetry.metrics import Instrument, Metrics

__all__ = ["advance", "filled_metrics"]

_VALUES = {
    "site": ("example",),
    "camera": ("c01", "c02"),
    "reason": ("busy", "rate", "damaged", "failed", "late"),
    "source": ("rtcp", "arrival"),
    "state": ("opened", "updated", "closed"),
    "kind": ("provisional", "confirmed", "revised", "retracted", "new"),
    "model": ("detector", "embedder"),
    "topic": ("throughline.tracklets", "throughline.matches"),
    "outcome": ("failed", "dropped", "stood", "withdrawn", "new", "joined", "kept", "changed"),
    "gate": ("travel_window", "link"),
    "part": ("streams", "matcher"),
    "how": ("begun", "resumed", "rebuilt"),
    "choice": ("first", "given_way"),
    "agreement": ("agree", "contradict", "weak"),
    "link": ("c01->c02", "unlisted"),
    "stage": ("provisional", "confirmed"),
    "bin": ("0-0.5", "0.995-1"),
    "step": ("none", "fewer-looks"),
    "change": ("taken", "taken_back"),
    "event": ("started", "confirmed", "lost", "found", "ended"),
}


def filled_metrics() -> Metrics:
    """New metrics in which every instrument has values."""
    metrics = Metrics()
    advance(metrics)
    return metrics


def advance(metrics: Metrics) -> None:
    """Lets every counter and histogram grow, and sets every gauge."""
    for instrument in metrics.instruments:
        if instrument.name == "throughline_build_info":
            continue
        for labels in _combinations(instrument.labels):
            _touch(instrument, instrument.source.labels(*labels) if labels else instrument.source)


def _combinations(labels: tuple[str, ...]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [()]
    for label in labels:
        rows = [(*row, value) for row in rows for value in _VALUES[label]]
    return rows


def _touch(instrument: Instrument, child: Counter | Gauge | Histogram) -> None:
    if isinstance(child, Histogram):
        child.observe(0.2)
        child.observe(0.9)
    elif isinstance(child, Counter):
        child.inc(3)
    else:
        child.set(time.time() if instrument.name.endswith("_timestamp_seconds") else 1.0)
