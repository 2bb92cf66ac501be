"""Which detection continues which track.

Only pairs whose boxes come near each other are looked at, and only those in conflict are given to the assignment solver.
How near is near enough depends on the track: both boxes are widened by how uncertain the track's predicted place is. So a
track that is one frame old and has no velocity yet finds its vehicle half a length further on, which matters at five frames
a second, while an established track is not led astray by its neighbours. What the widening lets in is then *ranked* by
measures of the boxes as they are, so an uncertain track has no advantage over a certain one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from throughline.types import FloatArray, IntArray

__all__ = ["Pairs", "assign", "near_pairs"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of a track and a detection that may belong together.

    Attributes:
        tracks: (K,) int64, row of the track.
        detections: (K,) int64, row of the detection.
        iou: (K,) float32, intersection over union.
        widened_iou: (K,) float32, the same of the widened boxes.
        separation: (K,) float32, squared distance of the centres over squared diagonal of the box around both, 0..1
            (Zheng et al., "Distance-IoU loss", AAAI 2020).
    """

    tracks: IntArray
    detections: IntArray
    iou: FloatArray
    widened_iou: FloatArray
    separation: FloatArray

    def select(self, mask: npt.NDArray[np.bool_]) -> Pairs:
        """The pairs where ``mask`` is true."""
        return Pairs(self.tracks[mask], self.detections[mask], self.iou[mask], self.widened_iou[mask], self.separation[mask])


def near_pairs(tracks: FloatArray, widening: FloatArray, detections: FloatArray) -> Pairs:
    """All pairs whose widened boxes overlap.

    Args:
        tracks: (N, 4) float32, predicted boxes: centre x, centre y, width, height.
        widening: (N,) float32, by which share of its width and height a pair's boxes are each widened for this track.
        detections: (M, 4) float32, likewise centre x, centre y, width, height.
    """
    half_reach = (1 + widening) / 2
    offset = np.abs(tracks[:, 0, None] - detections[:, 0])
    reach = tracks[:, 2, None] + detections[:, 2]
    reach *= half_reach[:, None]
    near = offset < reach
    np.subtract(tracks[:, 1, None], detections[:, 1], out=offset)
    np.abs(offset, out=offset)
    np.add(tracks[:, 3, None], detections[:, 3], out=reach)
    reach *= half_reach[:, None]
    near &= offset < reach
    rows, columns = np.divmod(np.flatnonzero(near), max(near.shape[1], 1))
    return _measure(rows, columns, tracks[rows], 1 + widening[rows], detections[columns])


def _measure(rows: IntArray, columns: IntArray, track: FloatArray, growth: FloatArray, detection: FloatArray) -> Pairs:
    offset = np.abs(track[:, :2] - detection[:, :2])
    size, other = track[:, 2:], detection[:, 2:]
    sum_of_halves = (size + other) / 2
    smaller, larger = np.minimum(size, other), np.maximum(size, other)
    areas = size[:, 0] * size[:, 1] + other[:, 0] * other[:, 1]
    around = np.maximum(sum_of_halves + offset, larger)
    separation = np.square(offset).sum(axis=1) / np.square(around).sum(axis=1)
    iou = _overlap(sum_of_halves - offset, smaller, areas)
    widened = growth[:, None]
    widened_iou = _overlap(sum_of_halves * widened - offset, smaller * widened, areas * np.square(growth))
    return Pairs(rows, columns, iou, widened_iou, separation)


def _overlap(reach: FloatArray, smaller: FloatArray, areas: FloatArray) -> FloatArray:
    """Intersection over union from how far boxes reach into each other, their smaller sides, and the sum of their areas."""
    shared = np.minimum(reach, smaller)
    np.maximum(shared, 0, out=shared)
    intersection = shared[:, 0] * shared[:, 1]
    iou: FloatArray = intersection / (areas - intersection)
    return iou


def assign(tracks: IntArray, detections: IntArray, gain: npt.NDArray[np.float64]) -> tuple[IntArray, IntArray]:
    """The one-to-one choice of pairs with the largest sum of gains; leaving both out gains nothing.

    Args:
        tracks: (K,) row of the track of each pair.
        detections: (K,) row of the detection of each pair; no pair is given twice.
        gain: (K,) above zero.

    Returns:
        Rows of tracks and of detections, (L,) each.
    """
    if len(tracks) == 0:
        return tracks, detections
    per_track, per_detection = np.bincount(tracks), np.bincount(detections)
    alone = (per_track[tracks] == 1) & (per_detection[detections] == 1)
    if alone.all():
        return tracks, detections
    contested = ~alone
    rows, row = _numbered(tracks[contested], len(per_track))
    columns, column = _numbered(detections[contested], len(per_detection))
    gains = np.zeros((len(rows), len(columns)))
    gains[row, column] = gain[contested]
    chosen_row, chosen_column = linear_sum_assignment(gains, maximize=True)
    real = gains[chosen_row, chosen_column] > 0
    return (
        np.concatenate((tracks[alone], rows[chosen_row[real]])),
        np.concatenate((detections[alone], columns[chosen_column[real]])),
    )


def _numbered(values: IntArray, limit: int) -> tuple[IntArray, IntArray]:
    """The different ``values`` in order, and for each value its place among them; all are in 0..``limit`` - 1."""
    present = np.zeros(limit, np.bool_)
    present[values] = True
    places = np.cumsum(present) - 1
    return np.flatnonzero(present), places[values]
