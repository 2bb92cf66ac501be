"""Boxes as arrays: corners, centres, and how much they overlap.

The tracker keeps boxes with the coordinates first, (4, N): then every step runs along contiguous memory. At its edges, and
everywhere else, boxes are (N, 4) corners.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray, IntArray

__all__ = [
    "centred",
    "clipped",
    "corners",
    "covered_by",
    "most_shared_with_better",
    "pairwise_iou",
    "visible_share",
    "with_aspect",
]


def centred(boxes: FloatArray) -> FloatArray:
    """Corners x1, y1, x2, y2 (4, N) as centre x, centre y, width, height: (4, N) float32."""
    low = boxes[:2]
    size = boxes[2:] - low
    return np.concatenate((low + size * 0.5, size))


def with_aspect(boxes: FloatArray) -> npt.NDArray[np.float64]:
    """Centre x, centre y, width, height (4, N) with width / height in place of the width: (4, N) float64."""
    result = boxes.astype(np.float64)
    result[2] /= result[3]
    return result


def corners(boxes: FloatArray) -> FloatArray:
    """Centre x, centre y, width, height (4, N) as x1, y1, x2, y2: (N, 4) float32."""
    half = boxes[2:] / 2
    return np.concatenate((boxes[:2] - half, boxes[:2] + half)).T.astype(np.float32)


def clipped(boxes: FloatArray, frame_size: tuple[int, int]) -> FloatArray:
    """The parts of boxes (N, 4, corners) inside the picture."""
    return np.clip(boxes, 0, np.array([*frame_size, *frame_size], np.float32))


def visible_share(boxes: FloatArray, frame_size: tuple[int, int]) -> FloatArray:
    """Share of each box (4, N: centre x, centre y, width, height) inside the picture, (N,)."""
    centre, half = boxes[:2], boxes[2:] * 0.5
    visible = np.minimum(centre + half, np.array(frame_size, np.float32)[:, None])
    visible -= np.maximum(centre - half, 0)
    np.maximum(visible, 0, out=visible)
    visible /= boxes[2:]
    share: FloatArray = visible[0] * visible[1]
    return share


def _intersections(first: FloatArray, second: FloatArray) -> FloatArray:
    left, top, right, bottom = first.T[:, :, None]
    width = np.minimum(right, second[:, 2])
    width -= np.maximum(left, second[:, 0])
    height = np.minimum(bottom, second[:, 3])
    height -= np.maximum(top, second[:, 1])
    np.maximum(width, 0, out=width)
    np.maximum(height, 0, out=height)
    shared: FloatArray = width
    shared *= height
    return shared


def _areas(boxes: FloatArray) -> FloatArray:
    areas: FloatArray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def pairwise_iou(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of every pair.

    Args:
        first: (N, 4) float32 corners, each with an area above zero.
        second: (M, 4), likewise.

    Returns:
        (N, M) float32 in 0..1.
    """
    shared = _intersections(first, second)
    total = _areas(first)[:, None] + _areas(second)
    total -= shared
    shared /= total
    return shared


def covered_by(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Share of each box (N, 4) that each other box (M, 4) covers: (N, M) float32 in 0..1."""
    return _intersections(boxes, others) / _areas(boxes)[:, None]


def most_shared_with_better(chosen: IntArray, boxes: FloatArray) -> FloatArray:
    """How much some boxes have in common with a better one: their intersection as a share of the smaller of the two.

    Args:
        chosen: (K,) which boxes are asked about.
        boxes: (4, M) centre x, centre y, width, height, best first.

    Returns:
        (K,) float32 in 0..1, the largest of each; 0 for the best box.
    """
    if len(chosen) == 0:
        return np.zeros(0, np.float32)
    all_corners, areas = corners(boxes), boxes[2] * boxes[3]
    shared = _intersections(all_corners[chosen], all_corners)
    shared /= np.minimum(
        areas[chosen, None], areas
    )  # not of the corners: rounding may leave a small box far from zero without area
    shared[np.arange(boxes.shape[1]) >= chosen[:, None]] = 0.0
    largest: FloatArray = np.minimum(shared.max(axis=1), 1.0)
    return largest
