"""From the raw head of a YOLOX-type network to vehicles, on a GPU: decoding and suppression of a whole batch at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from inference.letterbox import Placement
from inference.yolox_head import LARGEST_LOG_SIZE, YoloxHead
from throughline.types import Detections

__all__ = ["DeviceFinder", "suppressed"]

_MOST_PAIRS = 1 << 24
"""Pairs of boxes that are compared at once: a broken network may take every cell for a vehicle."""
_ROUNDS = 4
"""Of suppression between two looks whether anything has changed; a look waits for the GPU."""


class DeviceFinder:
    """A `VehicleFinder` on a device of torch; finds what that in memory finds, but for rounding.

    Args:
        head: How rows are to be read.
        device: Where they lie.
        nms_iou: Largest overlap of two vehicles of one class.
        across_classes_iou: Largest overlap of two vehicles of different classes; None: any.
    """

    def __init__(self, head: YoloxHead, device: torch.device, nms_iou: float, across_classes_iou: float | None) -> None:
        self._least = head.min_confidence
        self._across = float("inf") if across_classes_iou is None else across_classes_iou
        self._within = min(nms_iou, self._across)
        self._columns = torch.from_numpy(head.columns).to(device)
        self._types = torch.from_numpy(head.types).to(device)
        self._cells = torch.from_numpy(head.cells).to(device)
        self._strides = torch.from_numpy(head.strides).to(device)

    def __call__(self, rows: Tensor, placements: Sequence[Placement]) -> list[Detections]:
        """See `VehicleFinder.__call__`."""
        if len(rows) == 0:
            return []
        rows = rows.float()
        probabilities, best = rows[:, :, self._columns].max(dim=2)
        scores = (rows[:, :, 4] * probabilities).clamp(max=1)
        sure = (rows[:, :, 4] >= self._least) & (scores >= self._least) & rows[:, :, :4].isfinite().all(dim=2)
        most = int(sure.sum(dim=1).max())  # waits for the network
        if most == 0:
            return [Detections.empty() for _ in placements]
        scores, order = torch.where(sure, scores, -1.0).sort(dim=1, descending=True, stable=True)
        scores, order = scores[:, :most], order[:, :most]
        boxes = self._boxes(rows.gather(1, order[:, :, None].expand(-1, -1, 4)), order, placements)
        types = self._types[best.gather(1, order)]
        there = (scores >= self._least) & (boxes[:, :, 2] > boxes[:, :, 0]) & (boxes[:, :, 3] > boxes[:, :, 1])
        step = max(1, _MOST_PAIRS // most**2)
        kept = torch.cat(
            [
                suppressed(boxes[part], types[part], there[part], self._within, self._across)
                for part in (slice(start, start + step) for start in range(0, len(rows), step))
            ]
        )
        down = torch.cat([boxes, scores[..., None], types[..., None].float(), kept[..., None].float()], dim=2).cpu().numpy()
        return [_detections(picture[picture[:, 6] > 0]) for picture in down]

    def _boxes(self, rows: Tensor, order: Tensor, placements: Sequence[Placement]) -> Tensor:
        """(N, K, 4) in pixels of the pictures, clipped to them, of the rows (N, K, 4) of the anchors ``order`` (N, K)."""
        strides = self._strides[order]
        centres = (rows[..., :2] + self._cells[order]) * strides
        halves = rows[..., 2:4].clamp(max=LARGEST_LOG_SIZE).exp() * strides / 2
        lying = np.array([[*np.tile(one.scale, 2), *one.size, *one.size] for one in placements], np.float32)
        scale, limits = torch.from_numpy(lying).to(rows.device)[:, None].chunk(2, dim=2)
        boxes = torch.cat([centres - halves, centres + halves], dim=2) / scale
        return torch.minimum(boxes.clamp(min=0), limits)


def suppressed(boxes: Tensor, types: Tensor, there: Tensor, within: float, across: float) -> Tensor:
    """Which boxes remain after greedy suppression (see `inference.nms.suppress`): (N, K) bool.

    Whether a box remains depends on those before it alone. So if all boxes are judged again and again by the last verdict on
    those before them, the first verdict that does not change any more is that of judging one after the other, and it comes
    after as many rounds as the longest chain of boxes that decide about each other: a few.

    Args:
        boxes: (N, K, 4) of each picture, by falling score.
        types: (N, K).
        there: (N, K) bool: the others are no boxes.
        within: Largest overlap of two of one type.
        across: Largest overlap of two of different types.
    """
    count = boxes.shape[1]
    corner = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:]) - torch.maximum(
        boxes[:, :, None, :2], boxes[:, None, :, :2]
    )
    shared = corner.clamp(min=0).prod(dim=3)
    area = (boxes[..., 2:] - boxes[..., :2]).prod(dim=2)
    union = area[:, :, None] + area[:, None, :] - shared
    overlap = torch.where(union > 0, shared / union, 0.0)
    limit = torch.where(types[:, :, None] == types[:, None, :], within, across)
    earlier = torch.ones(count, count, dtype=torch.bool, device=boxes.device).triu(1)
    removes = (overlap > limit) & earlier
    kept = there
    while True:
        before = kept
        for _ in range(_ROUNDS):
            kept = there & ~(kept[:, :, None] & removes).any(dim=1)
        if torch.equal(before, kept):
            return kept


def _detections(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Detections:
    """From rows of box, score, type and a mark."""
    return Detections(np.ascontiguousarray(rows[:, :4]), rows[:, 4].copy(), rows[:, 5].astype(np.int64))
