"""How the raw head of a YOLOX-type network is to be read.

Ge, Liu, Wang, Li, Sun: *YOLOX: Exceeding YOLO Series in 2021*, arXiv 2107.08430. The head gives, for each cell of three grids
(strides 8, 16, 32), the offset of the box's centre in cells, the logarithm of its size in cells, an objectness and a
probability for each class; score = objectness x class.
"""

from __future__ import annotations

import numpy as np

from throughline.types import Detections, FloatArray, IntArray

__all__ = ["COARSEST", "LARGEST_LOG_SIZE", "YoloxHead"]

_STRIDES = (8, 16, 32)
COARSEST = _STRIDES[-1]
"""Pixels from cell to cell of the coarsest grid: sizes of inputs are multiples of it."""
LARGEST_LOG_SIZE = 8.0
"""Beyond e^8 cells a box covers any input; a cap keeps a broken network from overflowing."""


class YoloxHead:
    """Turns the raw head of one picture into boxes.

    Args:
        input_shape: (channels, height, width) of the network.
        class_map: Vehicle type for each class of the network, -1 for what is no vehicle.
        min_confidence: Scores below this are no detections.

    Attributes:
        columns: (K,) int64, columns of the rows that hold classes which are vehicles.
        types: (K,) int64, their vehicle types.
        cells: (anchors, 2) float32, column and row of each anchor in its grid.
        strides: (anchors, 1) float32, pixels from cell to cell of its grid.
    """

    def __init__(self, input_shape: tuple[int, int, int], class_map: IntArray, min_confidence: float) -> None:
        _, self.height, self.width = input_shape
        self.min_confidence = min_confidence
        self.columns = np.flatnonzero(class_map >= 0) + 5
        self.types = class_map[class_map >= 0].astype(np.int64)
        cells, strides = [], []
        for stride in _STRIDES:
            rows, columns = np.mgrid[0 : self.height // stride, 0 : self.width // stride]
            cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
            strides.append(np.full((rows.size, 1), stride))
        self.cells = np.concatenate(cells).astype(np.float32)
        self.strides = np.concatenate(strides).astype(np.float32)

    @property
    def anchors(self) -> int:
        """Rows that the network must give: one for each cell of all grids."""
        return len(self.cells)

    def decode(self, rows: FloatArray) -> Detections:
        """Boxes in pixels of the input, before suppression.

        Args:
            rows: (anchors, 5 + classes): centre offset x, y, log width, log height, objectness, class probabilities.
        """
        # A score cannot exceed the objectness, so most rows are out before anything is computed.
        index = np.flatnonzero(rows[:, 4] >= self.min_confidence)
        rows = rows[index]
        probabilities = rows[:, self.columns]
        best = np.argmax(probabilities, axis=1)
        scores = rows[:, 4] * probabilities[np.arange(len(rows)), best]
        keep = (scores >= self.min_confidence) & np.isfinite(rows[:, :4]).all(axis=1)
        index, rows, scores, best = index[keep], rows[keep], scores[keep], best[keep]
        centres = (rows[:, :2] + self.cells[index]) * self.strides[index]
        halves = np.exp(np.minimum(rows[:, 2:4], LARGEST_LOG_SIZE)) * self.strides[index] / 2
        boxes = np.concatenate([centres - halves, centres + halves], axis=1).astype(np.float32)
        return Detections(boxes, np.minimum(scores, 1).astype(np.float32), self.types[best])
