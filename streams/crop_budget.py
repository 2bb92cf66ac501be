"""How many pictures of vehicles the cameras of a site may have described. Pure: time is that of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from throughline.times import Instant, seconds_between

__all__ = ["CropBudget"]

_SAVED: Final = 1.0
"""Seconds of a share that can be saved up."""


class CropBudget:
    """Gives each camera an equal share, and what one leaves to whoever needs it.

    A camera's share grows with the time of its own frames, up to what a second brings (one picture at least); what it does not
    use goes into what all have in common, up to what a second brings to all. So no camera can be starved by another, and
    little is left unused. A camera that gives no frames brings nothing.

    Args:
        rate: Pictures a second, above 0.
        cameras: How many share them, 1 or more.
    """

    def __init__(self, rate: float, cameras: int) -> None:
        self._share = rate / cameras
        self._own_most = max(1.0, _SAVED * self._share)
        self._common_most = max(1.0, _SAVED * rate)
        self._common = 0.0
        self._cameras: dict[str, _Share] = {}

    def affordable(self, camera: str, captured: Instant) -> int:
        """Pictures that a camera may have described of the frame captured then; to be asked in order of its time."""
        share = self._cameras.get(camera)
        if share is None:
            share = self._cameras[camera] = _Share(self._own_most, captured)
        else:
            earned = share.credit + self._share * max(0.0, seconds_between(share.last, captured))
            share.credit = min(earned, self._own_most)
            self._common = min(self._common + earned - share.credit, self._common_most)
            share.last = max(share.last, captured)
        return int(share.credit + self._common + 1e-9)

    def spend(self, camera: str, pictures: int) -> None:
        """Says how many a camera has had described: no more than it could afford."""
        share = self._cameras[camera]
        own = min(float(pictures), share.credit)
        share.credit -= own
        self._common = max(0.0, self._common - (pictures - own))


@dataclass(slots=True)
class _Share:
    credit: float
    last: Instant
