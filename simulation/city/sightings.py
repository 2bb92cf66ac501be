"""What a camera of the city truly shows, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray, IntArray

__all__ = ["Sightings"]


@dataclass(frozen=True, slots=True)
class Sightings:
    """One row for each vehicle in each picture, by frame and then by vehicle.

    Attributes:
        camera: Camera id.
        fps: Frames a second; frame f shows the city at f / fps seconds.
        frames: (M,) frame numbers, from 0.
        vehicles: (M,) numbers of vehicles.
        boxes: (M, 4) x1, y1, x2, y2 in pixels around the whole vehicle, hidden parts included, cut at the picture's border.
        inside: (M,) share of the uncut box that lies in the picture.
        visible: (M,) share of the vehicle's outline in the picture that nothing hides, neither vehicles nor scenery.
        places: (M, 2) x and y of its middle on the road, metres.
        headings: (M,) degrees clockwise from north.
        orientations: (M,) which side is seen, index into `throughline.types.ORIENTATIONS`.
    """

    camera: str
    fps: float
    frames: IntArray
    vehicles: IntArray
    boxes: FloatArray
    inside: FloatArray
    visible: FloatArray
    places: FloatArray
    headings: FloatArray
    orientations: IntArray

    def __len__(self) -> int:
        return len(self.frames)

    def where(self, chosen: npt.NDArray[np.bool_] | IntArray) -> Sightings:
        """The rows for which ``chosen`` (M,) is true, or those at these indices, in that order."""
        return Sightings(
            self.camera,
            self.fps,
            self.frames[chosen],
            self.vehicles[chosen],
            self.boxes[chosen],
            self.inside[chosen],
            self.visible[chosen],
            self.places[chosen],
            self.headings[chosen],
            self.orientations[chosen],
        )
