"""Boxes as arrays: corners, centres, and how much they overlap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray

__all__ = ["centre_aspect_height", "corners", "covered_by", "pairwise_iou", "sides"]


def centre_aspect_height(boxes: FloatArray) -> npt.NDArray[np.float64]:
    """Corners (N, 4) as centre x, centre y, width / height, height: (N, 4) float64."""
    x1, y1, x2, y2 = boxes.T.astype(np.float64)
    result = np.empty((len(boxes), 4))
    result[:, 0] = (x1 + x2) / 2
    result[:, 1] = (y1 + y2) / 2
    result[:, 3] = y2 - y1
    result[:, 2] = (x2 - x1) / result[:, 3]
    return result


def sides(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Centre, aspect, height (N, 4) as centre x, centre y, width, height: (N, 4) float64."""
    result = boxes.copy()
    result[:, 2] *= boxes[:, 3]
    return result


def corners(boxes: npt.NDArray[np.float64]) -> FloatArray:
    """Centre x, centre y, width, height (N, 4) as x1, y1, x2, y2: (N, 4) float32."""
    half = boxes[:, 2:] / 2
    result = np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1)
    return result.astype(np.float32)


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
