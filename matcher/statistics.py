"""What the matcher counted and holds, for whoever exports it; the core itself knows no metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from matcher.quality.report import QualityReport
from throughline.times import Instant

__all__ = ["Statistics"]


@dataclass
class Statistics:
    """Cumulative counts, and the state after the latest record.

    Attributes:
        rejected: Pairs rejected before scoring, by gate.
        skipped: Records (or tracklets) without effect, by reason: ``late``, ``repeated``, ``unknown_camera``,
            ``other_site``, ``unreadable``, ``evicted``, ``unknown_tracklet``, ``contradiction``.
        used_late: Revisions that came after their time and were still used.
        expired: Tracklets that a camera left open for good.
        gallery: Tracklets in memory.
        vehicles: Vehicles with a tracklet in memory.
        watermark: The site is complete to here.
        foremost: The furthest capture time that a camera has reported.
        quality: How good decisions are, as far as that is known.
    """

    rejected: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    used_late: int = 0
    expired: int = 0
    gallery: int = 0
    vehicles: int = 0
    watermark: Instant | None = None
    foremost: Instant | None = None
    quality: QualityReport = field(default_factory=QualityReport)
