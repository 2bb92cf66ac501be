"""What the core counts, as metrics."""

from __future__ import annotations

from collections import OrderedDict

import structlog

from matcher.quality import BIN_NAMES, QualityReport
from matcher.statistics import Statistics
from matcher.topology import Topology
from throughline.messages import MatchEvent
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.times import seconds_between

__all__ = ["Exporter"]

_FIRST = ("provisional", "confirmed", "new")
_REMEMBERED = 200_000
"""Tracklets of which it is known that they were decided on."""

log = structlog.get_logger(__name__)


class Exporter:
    """Brings what the core counts to Prometheus, from where it is now.

    Args:
        site: The site.
        metrics: Of this process.
        before: What the core had counted when it began here; that was told by others.
    """

    def __init__(self, site: Site, metrics: Metrics, before: Statistics | None = None) -> None:
        self._site, self._metrics = site.site, metrics
        self._cameras = {camera.id for camera in site.cameras}
        self._strangers: set[str] = set()
        self._counted: dict[tuple[str, str], int] = {}
        listed = Topology(site.model_copy(update={"unlisted_links": "deny"}))
        self._listed = {link.name for link in listed.links if not link.bridge}
        self._delayed: OrderedDict[str, None] = OrderedDict()
        self.statistics = Statistics() if before is None else before
        self._told = self.statistics.quality
        for name, count in self.statistics.rejected.items():
            self._counted["gate", name] = count
        for name, count in self.statistics.skipped.items():
            self._counted["reason", name] = count
        for kind in ("provisional", "confirmed", "revised", "retracted", "new", "watchlist"):
            metrics.matches.labels(self._site, kind)

    def _first_decision(self, event: MatchEvent) -> None:
        if event.kind not in _FIRST or event.tracklet.tracklet in self._delayed:
            return
        self._delayed[event.tracklet.tracklet] = None
        if len(self._delayed) > _REMEMBERED:
            self._delayed.popitem(last=False)
        self._metrics.decision_delay.labels(self._site, event.kind).observe(seconds_between(event.tracklet.start, event.at))

    def published(self, event: MatchEvent) -> None:
        """An event was sent."""
        self._first_decision(event)
        self._metrics.matches.labels(self._site, event.kind).inc()
        if event.kind == "confirmed":
            self._metrics.match_probability.labels(self._site).observe(event.probability or 0.0)
            if event.margin is not None:
                self._metrics.match_margin.labels(self._site).observe(event.margin)

    def unreadable(self) -> None:
        """A record could not be read."""
        self._metrics.records_skipped.labels(self._site, "unreadable").inc()

    def saw(self, camera: str | None) -> None:
        """A record was about this camera: says once if the site does not know it."""
        if camera is None or camera in self._strangers or camera in self._cameras:
            return
        self._strangers.add(camera)
        log.warning("records of a camera that the site file does not list are skipped", site=self._site, camera=camera)

    def export(self) -> None:
        """Counts and state."""
        statistics = self.statistics
        for gate, count in statistics.rejected.items():
            self._metrics.candidates_rejected.labels(self._site, gate).inc(self._rise("gate", gate, count))
        for reason, count in statistics.skipped.items():
            self._metrics.records_skipped.labels(self._site, reason).inc(self._rise("reason", reason, count))
        self._export_quality(statistics.quality)
        self._metrics.gallery_tracklets.labels(self._site).set(statistics.gallery)
        self._metrics.vehicles_active.labels(self._site).set(statistics.vehicles)
        if statistics.watermark is not None and statistics.foremost is not None:
            lag = seconds_between(statistics.watermark, statistics.foremost)
            self._metrics.matcher_lag.labels(self._site).set(max(0.0, lag))

    def _export_quality(self, found: QualityReport) -> None:
        metrics, told, site = self._metrics, self._told, self._site
        if found is told:
            return
        self._told = found
        for choice, count in (found.choices - told.choices).items():
            metrics.match_choices.labels(site, choice).inc(count)
        for agreement, count in (found.cycles - told.cycles).items():
            metrics.match_cycles.labels(site, agreement).inc(count)
        for outcome, count in (found.provisional - told.provisional).items():
            metrics.provisional_outcomes.labels(site, outcome).inc(count)
        for (camera, outcome), count in (found.decided - told.decided).items():
            metrics.first_decisions.labels(site, camera, outcome).inc(count)
        for link, count in (found.arrivals - told.arrivals).items():
            metrics.link_arrivals.labels(site, link if link in self._listed else "unlisted").inc(count)
        for (stage, place), judged in found.judged.items():
            rise = judged.since(told.judged.get((stage, place)))
            labels = site, stage, BIN_NAMES[place]
            metrics.judged_joins.labels(*labels, "stood").inc(rise.stood)
            metrics.judged_joins.labels(*labels, "withdrawn").inc(rise.withdrawn)
            metrics.judged_probability.labels(*labels).inc(rise.expected)
        for (camera, model), distance in found.drift.items():
            metrics.embedding_drift.labels(site, camera, model).set(distance)

    def _rise(self, kind: str, name: str, count: int) -> int:
        rise = count - self._counted.get((kind, name), 0)
        self._counted[kind, name] = count
        return rise
