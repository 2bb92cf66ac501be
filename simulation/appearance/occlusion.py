"""Who stands in front of whom."""

from __future__ import annotations

import numpy as np

from simulation.city.sightings import Sightings
from throughline.types import IntArray

__all__ = ["occluders"]

_HIDDEN = 0.95
"""Visible share from which on nobody is looked for."""


def occluders(sightings: Sightings) -> IntArray:
    """(M,) the vehicle that covers most of each hidden one in its frame, of those that stand lower in the picture; 0: none."""
    found = np.zeros(len(sightings), np.int64)
    boxes = sightings.boxes
    starts = np.searchsorted(sightings.frames, sightings.frames, "left")
    ends = np.searchsorted(sightings.frames, sightings.frames, "right")
    for row in np.flatnonzero(sightings.visible < _HIDDEN).tolist():
        others = slice(starts[row], ends[row])
        there = boxes[others]
        width = np.minimum(there[:, 2], boxes[row, 2]) - np.maximum(there[:, 0], boxes[row, 0])
        height = np.minimum(there[:, 3], boxes[row, 3]) - np.maximum(there[:, 1], boxes[row, 1])
        covered = np.where(there[:, 3] > boxes[row, 3], np.maximum(width, 0.0) * np.maximum(height, 0.0), 0.0)
        best = int(covered.argmax())
        if covered[best] > 0.0:
            found[row] = sightings.vehicles[others][best]
    return found
