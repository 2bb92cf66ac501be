"""Pairs of boxes that come near each other, as a sparse list: most of a crowd is far from any one vehicle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray, IntArray

__all__ = ["Pairs", "near_pairs"]


_BLOCK = 8192
"""Pairs looked at together."""


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

    def __len__(self) -> int:
        return len(self.tracks)

    def select(self, index: npt.NDArray[np.bool_] | slice) -> Pairs:
        """Some of the pairs: where a mask is true, or a slice."""
        return Pairs(self.tracks[index], self.detections[index], self.iou[index], self.widened_iou[index], self.separation[index])


def near_pairs(tracks: FloatArray, widening: FloatArray, detections: FloatArray) -> Pairs:
    """All pairs whose boxes overlap once they are widened.

    Args:
        tracks: (4, N) float32, centre x, centre y, width, height.
        widening: (N,) float32, by which share of its width and height a pair's boxes are each widened for this track, or
            shrunk where it is below zero.
        detections: (4, M) float32, likewise centre x, centre y, width, height.
    """
    found = _near(tracks, widening, detections).ravel().nonzero()[0]
    rows, columns = np.divmod(found, max(detections.shape[1], 1))
    return _measure(rows, columns, tracks.take(rows, 1), widening[rows], detections.take(columns, 1))


def _near(tracks: FloatArray, widening: FloatArray, detections: FloatArray) -> npt.NDArray[np.bool_]:
    """Which pairs overlap when both boxes are widened (or shrunk), (N, M)."""
    first, second = tracks[:, :, None], detections[:, None]
    half_reach = (0.5 + 0.5 * widening)[:, None]
    step = _BLOCK // max(detections.shape[1], 1) + 1  # by blocks, since large temporary arrays cost page faults
    if step >= tracks.shape[1]:
        return _near_block(first, half_reach, second)
    return np.concatenate(
        [_near_block(first[:, low : low + step], half_reach[low : low + step], second) for low in range(0, tracks.shape[1], step)]
    )


def _near_block(first: FloatArray, half_reach: FloatArray, second: FloatArray) -> npt.NDArray[np.bool_]:
    offset = first[:2] - second[:2]
    np.abs(offset, out=offset)
    reach = first[2:] + second[2:]
    reach *= half_reach
    closer = offset < reach
    both: npt.NDArray[np.bool_] = closer[0]
    both &= closer[1]
    return both


def _measure(rows: IntArray, columns: IntArray, track: FloatArray, widening: FloatArray, detection: FloatArray) -> Pairs:
    offset = track[:2] - detection[:2]
    np.abs(offset, out=offset)
    size, other = track[2:], detection[2:]
    sum_of_halves = size + other
    sum_of_halves *= 0.5
    growth = np.ones((2, 1, len(rows)), np.float32)  # as they are, and widened
    growth[1] += widening
    shared = sum_of_halves * growth
    shared -= offset
    np.minimum(shared, np.minimum(size, other) * growth, out=shared)
    np.maximum(shared, 0, out=shared)
    intersections = shared[:, 0] * shared[:, 1]
    areas = size[0] * size[1]
    areas += other[0] * other[1]
    unions = areas * np.square(growth[:, 0])
    unions -= intersections
    intersections /= unions
    iou, widened_iou = intersections
    around = sum_of_halves
    around += offset
    np.maximum(around, np.maximum(size, other), out=around)
    np.square(around, out=around)
    np.square(offset, out=offset)
    separation: FloatArray = offset[0] + offset[1]
    separation /= around[0] + around[1]
    return Pairs(rows, columns, iou, widened_iou, separation)
