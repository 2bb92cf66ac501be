"""Whether one camera saw both: a vehicle rarely makes two tracks there."""

from __future__ import annotations

import numpy as np

from matcher.evidence.appearance import AppearanceTerm
from matcher.evidence.term import PairBatch, Ratios
from throughline.settings import Site

__all__ = ["SameCameraTerm"]


class SameCameraTerm:
    """Speaks against a second track in the same camera, less where the two look alike.

    A camera sees a vehicle twice in the same light, from the same side and before the same background, so that parts of a broken
    track are much more alike than views of two cameras; what is only as alike as these is more likely another vehicle. Looks
    that are not known are taken as alike: not to know something is no evidence.

    Args:
        site: `matching.same_camera`, and what cameras override.
        appearance: Says how alike two sightings look; None: looks do not count.
    """

    name = "same_camera"
    unit = "cosine"

    def __init__(self, site: Site, appearance: AppearanceTerm | None) -> None:
        usual = site.matching.same_camera
        others = [camera.matching.same_camera for camera in site.cameras]
        self._appearance = appearance
        self._alike = np.array([usual.alike if one.alike is None else one.alike for one in others])
        self._lenient = np.array([usual.alike_penalty if one.alike_penalty is None else one.alike_penalty for one in others])
        self._strict = np.array([usual.penalty if one.penalty is None else one.penalty for one in others])

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where no camera saw both; else the mean over the pairs of one camera."""
        cameras = batch.table.camera[batch.left]
        same = cameras == batch.table.camera[batch.right]
        pairs = np.flatnonzero(same)
        if not len(pairs):
            return batch.silence
        cameras = cameras[pairs]
        strict, cosines = np.zeros(len(pairs), np.bool_), np.full(len(batch.group), np.nan)
        if self._appearance is not None:
            cosines[pairs], looks = self._appearance.judged(batch, pairs)
            strict = looks < self._alike[cameras]  # False where looks are not known
        penalties = np.zeros(len(batch.group))
        penalties[pairs] = np.where(strict, self._strict[cameras], self._lenient[cameras])
        batch.memo[self.name] = cosines
        return 0.0 - batch.mean(penalties, same)

    def measured(self, batch: PairBatch, comparison: int) -> float | None:
        """Mean cosine of the sightings of one camera; nothing where their looks are not known."""
        cosines = batch.memo[self.name][batch.pairs(comparison)]
        known = cosines[~np.isnan(cosines)]
        return float(known.mean()) if len(known) else None
