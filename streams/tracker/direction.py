"""Whether a detection lies in the direction in which a track was seen to go.

The direction is taken from where the vehicle was *seen*, not from the filter's velocity: noise moves the filter, most of all
while a vehicle is lost (Cao et al., "Observation-centric SORT", CVPR 2023). It counts the more the farther the vehicle went,
in heights of its box, since the places of a vehicle that stands point anywhere.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray

__all__ = ["INTERVAL", "going_on"]

INTERVAL = 0.3
"""Seconds after which the places that directions are measured from move on, so that a direction is that of the last 0.3 to
0.6 s however high the frame rate."""

_FAR = 0.3  # heights of the box: from here on a direction counts in full


def going_on(came: npt.NDArray[np.float64], goes: npt.NDArray[np.float64], heights: npt.NDArray[np.float64]) -> FloatArray:
    """How well going to a detection continues a track's direction: (K,) float32, from -1 (straight back) over 0 to 1.

    Args:
        came: (2, K) pixels from a place a while ago to the latest one.
        goes: (2, K) pixels from there to the detection.
        heights: (K,) of the track's box.
    """
    reach = (_FAR * heights) ** 2
    far = np.maximum(came[0] ** 2 + came[1] ** 2, reach)
    far *= np.maximum(goes[0] ** 2 + goes[1] ** 2, reach)
    along: FloatArray = ((came[0] * goes[0] + came[1] * goes[1]) / np.sqrt(far)).astype(np.float32)
    return along
