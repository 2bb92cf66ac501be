"""Which true vehicle does a tracklet show? Answered by overlap with the true boxes, for footage that is looped live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.boxes import corner_overlaps
from evaluation.visits import LONGEST_GAP, Visit
from throughline.formats.aicity import AiCityRow
from throughline.messages import PathPoint
from throughline.times import MICROSECONDS, Instant
from throughline.types import FloatArray, IntArray

__all__ = ["CameraTruth", "Vehicle", "first_good", "label", "truth_of_rows", "well_seen"]

Vehicle = tuple[int, int]
"""(loop of the footage, identity in the footage): each loop brings the vehicles anew."""


@dataclass(frozen=True, slots=True)
class CameraTruth:
    """True boxes of one camera's footage, and when the footage is shown.

    Attributes:
        camera: Camera id.
        epoch: Site's time at which loop 0 of the footage begins.
        period: Length of one loop in microseconds.
        times: (M,) int64, ascending, microseconds from the beginning of the footage; one for each box.
        vehicles: (M,) int64, identity in the footage.
        boxes: (M, 4) float32, x1, y1, x2, y2 in pixels of this camera.
        tolerance: Microseconds by which a sighting and a true box may differ: half a frame period.
        counted: (M,) which boxes show enough of a vehicle to ask that it be followed; None: all. The others still tell what a
            tracklet shows.
    """

    camera: str
    epoch: Instant
    period: int
    times: IntArray
    vehicles: IntArray
    boxes: FloatArray
    tolerance: int = 50_000
    counted: npt.NDArray[np.bool_] | None = None

    def at(self, instant: Instant) -> tuple[int, IntArray, FloatArray]:
        """Loop, identities (K,) and boxes (K, 4) that stand in the picture at ``instant``."""
        loop, offset = divmod(instant - self.epoch, self.period)
        low, high = np.searchsorted(self.times, [offset - self.tolerance, offset + self.tolerance + 1])
        near = slice(int(low), int(high))
        if low == high:
            return loop, self.vehicles[near], self.boxes[near]
        distance = np.abs(self.times[near] - offset)
        closest = distance == distance.min()
        return loop, self.vehicles[near][closest], self.boxes[near][closest]


def truth_of_rows(
    rows: Sequence[AiCityRow], camera: str, number: int, *, epoch: Instant, seconds: float, fps: float
) -> CameraTruth:
    """The truth of one camera out of AI City rows of footage that lasts ``seconds``; frames count from 1."""
    mine = sorted((row for row in rows if row.camera == number), key=lambda row: row.frame)
    return CameraTruth(
        camera,
        epoch,
        round(seconds * MICROSECONDS),
        np.array([round((row.frame - 1) / fps * MICROSECONDS) for row in mine], np.int64),
        np.array([row.id for row in mine], np.int64),
        np.array([(row.x, row.y, row.x + row.width, row.y + row.height) for row in mine], np.float32).reshape(-1, 4),
        tolerance=round(0.5 / fps * MICROSECONDS),
    )


def label(path: Sequence[PathPoint], truth: CameraTruth, *, least_overlap: float = 0.3) -> Vehicle | None:
    """The true vehicle that most points of ``path`` lie on.

    Args:
        path: Sightings of one tracklet, in the site's time.
        truth: Of its camera.
        least_overlap: Least intersection over union for a point to count.

    Returns:
        The one found most often; None when fewer than half of the points on vehicles lie on it (a mixture), or fewer than a
        third of all (a ghost).
    """
    votes: Counter[Vehicle] = Counter()
    for point in path:
        loop, vehicles, boxes = truth.at(point.at)
        if not len(vehicles):
            continue
        box = np.array([[point.x, point.y, point.x + point.width, point.y + point.height]], np.float32)
        overlap = corner_overlaps(box, boxes)[0]
        best = int(np.argmax(overlap))
        if overlap[best] >= least_overlap:
            votes[loop, int(vehicles[best])] += 1
    if not votes:
        return None
    vehicle, count = min(votes.items(), key=lambda item: (-item[1], item[0]))
    return vehicle if 2 * count >= votes.total() and 3 * count >= len(path) else None


def well_seen(truth: CameraTruth, start: Instant, end: Instant, *, longest_gap: float = LONGEST_GAP) -> list[Visit]:
    """Each visit of each vehicle to a camera between two instants, as far as it is shown well enough.

    Args:
        truth: Of the camera.
        start: Visits begin no earlier.
        end: And end no later.
        longest_gap: Seconds out of sight after which a vehicle that comes back visits anew.
    """
    counted = np.ones(len(truth.times), np.bool_) if truth.counted is None else truth.counted
    times, vehicles = truth.times[counted], truth.vehicles[counted]
    order = np.lexsort((times, vehicles))
    times, vehicles = times[order], vehicles[order]
    breaks = np.flatnonzero((np.diff(vehicles) != 0) | (np.diff(times) > longest_gap * MICROSECONDS)) + 1
    stretches = [part for part in np.split(np.arange(len(times)), breaks) if len(part)]
    found = []
    for loop in range((start - truth.epoch) // truth.period, (end - truth.epoch) // truth.period + 1):
        begin = truth.epoch + loop * truth.period
        for part in stretches:
            first, last = begin + int(times[part[0]]), begin + int(times[part[-1]])
            if start <= first and last <= end:
                found.append(Visit((loop, int(vehicles[part[0]])), truth.camera, first, last))
    return found


def first_good(tracklet: Visit, visits: Iterable[Visit]) -> Instant | None:
    """When the vehicle of a tracklet was first seen well in the visit that the tracklet is of; None where it never was.

    Args:
        tracklet: What it shows, where, and from when to when.
        visits: True ones, of whatever vehicles and cameras.
    """
    same = (visit for visit in visits if visit.vehicle == tracklet.vehicle and visit.camera == tracklet.camera)
    both = [visit.first for visit in same if visit.first <= tracklet.last and tracklet.first <= visit.last]
    return min(both, default=None)
