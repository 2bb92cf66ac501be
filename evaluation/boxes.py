"""Boxes with identities, and how the true and the found ones of each picture overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["EPSILON", "Boxes", "Picture", "corner_overlaps", "dense", "pairwise_iou", "pictures", "require_one_box_a_frame"]

EPSILON = float(np.finfo(np.float64).eps)
"""An overlap that reaches a limit but for the rounding of one division counts as reaching it."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of one or several cameras.

    Attributes:
        frames: (N,) int64, equal for boxes of one picture: different cameras need different numbers.
        ids: (N,) int64.
        boxes: (N, 4) float64, x, y, width, height in pixels.
    """

    frames: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.frames)
        if self.frames.shape != (count,) or self.ids.shape != (count,) or self.boxes.shape != (count, 4):
            raise ValueError(f"expected (N,), (N,) and (N, 4), found {self.frames.shape}, {self.ids.shape}, {self.boxes.shape}")

    def __len__(self) -> int:
        return len(self.frames)

    def where(self, kept: npt.NDArray[np.bool_]) -> Boxes:
        """Those where ``kept`` (N,) is true."""
        return Boxes(self.frames[kept], self.ids[kept], self.boxes[kept])


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in which there are both true and found boxes.

    Attributes:
        true: (n,) indices into the truth, in its order.
        found: (m,) indices into the result, in its order.
        iou: (n, m) intersection over union.
    """

    true: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    iou: npt.NDArray[np.float64]


def pairwise_iou(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4), each x, y, width, height."""
    first_end, second_end = first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:]
    sides = np.minimum(first_end[:, None], second_end[None]) - np.maximum(first[:, None, :2], second[None, :, :2])
    intersection = np.prod(np.maximum(sides, 0.0), axis=2)
    # Areas from the corners, as the intersection is: rounding then leaves equal boxes an overlap of exactly 1.
    areas = np.prod(first_end - first[:, :2], axis=1)[:, None] + np.prod(second_end - second[:, :2], axis=1)[None]
    union = areas - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0.0))


def corner_overlaps(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], *, of_first: bool = False
) -> npt.NDArray[np.floating]:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4), each x1, y1, x2, y2.

    Args:
        first: Boxes.
        second: Others.
        of_first: Over the area of the first instead: the share of it that the second covers.
    """
    sides = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.prod(np.maximum(sides, 0.0), axis=2)
    area = np.prod(first[:, 2:] - first[:, :2], axis=1)[:, None]
    whole = area if of_first else area + np.prod(second[:, 2:] - second[:, :2], axis=1)[None] - shared
    whole = np.broadcast_to(whole, shared.shape)
    return np.asarray(np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0.0))


def pictures(truth: Boxes, result: Boxes) -> Iterator[Picture]:
    """Every picture in which both have boxes, by rising frame number."""
    true_order, found_order = np.argsort(truth.frames, kind="stable"), np.argsort(result.frames, kind="stable")
    true_frames, found_frames = truth.frames[true_order], result.frames[found_order]
    frames = np.intersect1d(true_frames, found_frames)
    true_edges = np.searchsorted(true_frames, frames), np.searchsorted(true_frames, frames, side="right")
    found_edges = np.searchsorted(found_frames, frames), np.searchsorted(found_frames, frames, side="right")
    for low, high, first, last in zip(*true_edges, *found_edges, strict=True):
        here, there = true_order[low:high], found_order[first:last]
        yield Picture(here, there, pairwise_iou(truth.boxes[here], result.boxes[there]))


def dense(ids: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Numbers (N,) from 0 for ids (N,), and how often each number occurs (K,)."""
    _, numbers, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return numbers.astype(np.int64), counts.astype(np.int64)


def require_one_box_a_frame(boxes: Boxes, name: str) -> None:
    """Refuses an identity that is in one picture twice.

    Raises:
        ValueError: there is one; names it, its frame and ``name``.
    """
    order = np.lexsort((boxes.ids, boxes.frames))
    frames, ids = boxes.frames[order], boxes.ids[order]
    twice = np.flatnonzero((frames[1:] == frames[:-1]) & (ids[1:] == ids[:-1]))
    if len(twice):
        raise ValueError(f"{name}: id {ids[twice[0]]} has two boxes in frame {frames[twice[0]]}")
