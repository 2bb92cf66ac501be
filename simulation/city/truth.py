"""The truth about a city in the forms that `evaluate` and `associate` read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from simulation.city.passages import LONGEST_GAP
from simulation.city.sightings import Sightings
from throughline.formats.aicity import AiCityRow
from throughline.formats.mot import MotRow

__all__ = ["LEAST_HEIGHT", "LEAST_INSIDE", "LEAST_VISIBLE", "aicity_rows", "annotated", "mot_tracks"]

LEAST_HEIGHT: Final = 20.0
"""Pixels that a vehicle is high at least to be annotated."""
LEAST_INSIDE: Final = 0.3
LEAST_VISIBLE: Final = 0.3
"""Shares of it that are in the picture, and not hidden, at least."""


def annotated(sightings: Sightings) -> Sightings:
    """What somebody who annotates the pictures would draw boxes around: what is large and visible enough."""
    return sightings.where(_plain(sightings))


def aicity_rows(sightings: Iterable[Sightings], numbers: Mapping[str, int]) -> list[AiCityRow]:
    """Rows of what is annotated, ids being vehicles' numbers.

    Args:
        sightings: Of each camera.
        numbers: Camera numbers by camera id.
    """
    rows = []
    for camera in map(annotated, sightings):
        for frame, vehicle, box in zip(camera.frames.tolist(), camera.vehicles.tolist(), camera.boxes.tolist(), strict=True):
            rows.append(AiCityRow(numbers[camera.camera], vehicle, frame + 1, box[0], box[1], box[2] - box[0], box[3] - box[1]))
    return rows


def mot_tracks(sightings: Sightings) -> tuple[list[MotRow], dict[int, int]]:
    """The tracks that a tracker without fault would have made of one camera, and whose they are.

    A vehicle that is out of sight for longer than `simulation.city.passages.LONGEST_GAP` begins another track.

    Returns:
        Rows by frame, and each track's vehicle.
    """
    seen = annotated(sightings)
    order = np.lexsort((seen.frames, seen.vehicles)).astype(np.int64)
    seen = seen.where(order)
    new = (np.diff(seen.vehicles, prepend=-1) != 0) | (np.diff(seen.frames, prepend=0) > LONGEST_GAP * seen.fps)
    tracks = np.cumsum(new)
    owners = dict(zip(tracks[new].tolist(), seen.vehicles[new].tolist(), strict=True))
    rows = [
        MotRow(frame + 1, track, box[0], box[1], box[2] - box[0], box[3] - box[1])
        for frame, track, box in zip(seen.frames.tolist(), tracks.tolist(), seen.boxes.tolist(), strict=True)
    ]
    return sorted(rows, key=lambda row: (row.frame, row.id)), owners


def _plain(sightings: Sightings) -> npt.NDArray[np.bool_]:
    tall = sightings.boxes[:, 3] - sightings.boxes[:, 1] >= LEAST_HEIGHT
    chosen: npt.NDArray[np.bool_] = tall & (sightings.inside >= LEAST_INSIDE) & (sightings.visible >= LEAST_VISIBLE)
    return chosen
