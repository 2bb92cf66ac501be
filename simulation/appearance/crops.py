"""What is known of a picture of a vehicle before anything looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray, IntArray

__all__ = ["Crops"]


@dataclass(frozen=True, slots=True)
class Crops:
    """N pictures of single vehicles.

    Attributes:
        vehicles: (N,) numbers of vehicles; 0 or less: the picture shows none, each such number is another piece of scenery.
        cameras: (N,) numbers of cameras.
        visits: (N,) which time this is that the vehicle passes this camera.
        moments: (N,) number of the picture within the camera.
        orientations: (N,) which side is seen, index into `throughline.types.ORIENTATIONS`.
        heights: (N,) pixels.
        visible: (N,) share of the vehicle that is seen, 0..1.
        occluders: (N,) number of the vehicle in front of it; 0: scenery, or nothing.
    """

    vehicles: IntArray
    cameras: IntArray
    visits: IntArray
    moments: IntArray
    orientations: IntArray
    heights: FloatArray
    visible: FloatArray
    occluders: IntArray

    def __len__(self) -> int:
        return len(self.vehicles)

    @classmethod
    def good(cls, vehicles: IntArray, camera: int, visits: IntArray, orientations: IntArray, moment: int = 0) -> Crops:
        """Large pictures of whole vehicles by one camera, one of each."""
        count = len(vehicles)
        same, none = np.full(count, camera, np.int64), np.zeros(count, np.int64)
        large, whole = np.full(count, 200.0, np.float32), np.ones(count, np.float32)
        return cls(vehicles, same, visits, np.full(count, moment, np.int64), orientations, large, whole, none)

    def where(self, chosen: slice | npt.NDArray[np.bool_] | IntArray) -> Crops:
        """Some of them: a mask, places in the order wanted, or a slice."""
        return Crops(*(getattr(self, name)[chosen] for name in self.__slots__))

    def and_also(self, others: Crops) -> Crops:
        """These and others, in this order."""
        return Crops(*(np.concatenate((getattr(self, name), getattr(others, name))) for name in self.__slots__))
