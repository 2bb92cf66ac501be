"""The truth about a city in the forms that `evaluate` and `associate` read."""

from __future__ import annotations

from typing import Final

import numpy as np

from simulation.city.passages import LONGEST_GAP
from simulation.city.sightings import Sightings
from throughline.formats.aicity import AiCityRow
from throughline.formats.mot import MotRow
from throughline.types import IntArray

__all__ = ["LEAST_HEIGHT", "LEAST_INSIDE", "LEAST_VISIBLE", "aicity_rows", "annotated", "mot_rows", "tracks_of"]

LEAST_HEIGHT: Final = 20.0
"""Pixels that a vehicle is high at least to be annotated."""
LEAST_INSIDE: Final = 0.3
LEAST_VISIBLE: Final = 0.3
"""Shares of it that are in the picture, and not hidden, at least."""


def annotated(sightings: Sightings) -> Sightings:
    """What somebody who annotates the pictures would draw boxes around: what is large and visible enough."""
    tall = sightings.boxes[:, 3] - sightings.boxes[:, 1] >= LEAST_HEIGHT
    return sightings.where(tall & (sightings.inside >= LEAST_INSIDE) & (sightings.visible >= LEAST_VISIBLE))


def aicity_rows(sightings: Sightings, camera: int) -> list[AiCityRow]:
    """Rows of the sightings of one camera by frame, with its number ``camera``; ids are vehicles' numbers."""
    return [
        AiCityRow(camera, vehicle, frame + 1, box[0], box[1], box[2] - box[0], box[3] - box[1])
        for frame, vehicle, box in zip(
            sightings.frames.tolist(), sightings.vehicles.tolist(), sightings.boxes.tolist(), strict=True
        )
    ]


def tracks_of(sightings: Sightings) -> IntArray:
    """Numbers (M,), from 1, of the tracks that a tracker without fault would have made of the sightings of one camera.

    A vehicle that is out of sight for longer than `simulation.city.passages.LONGEST_GAP` begins another track.
    """
    order = np.lexsort((sightings.frames, sightings.vehicles)).astype(np.int64)
    vehicles, frames = sightings.vehicles[order], sightings.frames[order]
    new = (np.diff(vehicles, prepend=-1) != 0) | (np.diff(frames, prepend=0) > LONGEST_GAP * sightings.fps)
    tracks = np.zeros(len(order), np.int64)
    tracks[order] = np.cumsum(new)
    return tracks


def mot_rows(sightings: Sightings, tracks: IntArray) -> list[MotRow]:
    """Rows of ``<camera>.txt`` by frame, with the ids ``tracks`` (M,)."""
    return [
        MotRow(frame + 1, track, box[0], box[1], box[2] - box[0], box[3] - box[1])
        for frame, track, box in zip(sightings.frames.tolist(), tracks.tolist(), sightings.boxes.tolist(), strict=True)
    ]
