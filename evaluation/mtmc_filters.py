"""What of a truth and a result across cameras is left out before they are compared: the filters of the AI City Challenge.

The challenge's own program (`eval.py` in the data sets of its tracks on multi-camera vehicle tracking, 2019 to 2022) takes
out of a submission, in this order: boxes of which a corner lies in the picture, but not on the white part of the camera's region
of interest (`roi.jpg`); identities that only one camera saw; all but the first box of an identity in one picture. Its
truth holds only vehicles that two or more cameras saw, inside those regions. It then counts IDF1 over all cameras together, with
matches of an overlap (IoU) of at least 0.5. See Naphade et al., "The 5th AI City Challenge", CVPR workshops 2021, and
Tang et al., "CityFlow: a city-scale benchmark for multi-target multi-camera vehicle tracking and re-identification", CVPR 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from evaluation.boxes import EPSILON, Boxes, pictures
from throughline.formats.aicity import AiCityRow

__all__ = ["MtmcFilters", "filtered", "to_boxes"]

_FRAMES = 1 << 40
_Kept = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MtmcFilters:
    """What is left out. The challenge's filters are ``regions``, ``several_cameras`` and ``once_a_picture``.

    Attributes:
        regions: By camera number, (height, width) bool: where vehicles count. A box with a corner in the picture, but not there,
            counts neither way. Cameras that are not listed are looked at as a whole.
        least_area: Pixels. True boxes less large count neither way, nor do found ones matched to them, by an overlap of at least
            0.5, or less large and matched to no other.
        several_cameras: Identities that only one camera saw count neither way, in truth and result alike.
        once_a_picture: Of an identity's boxes in one picture the first alone counts.
    """

    regions: Mapping[int, _Kept] = field(default_factory=dict)
    least_area: float = 0.0
    several_cameras: bool = False
    once_a_picture: bool = False


def filtered(
    truth: Sequence[AiCityRow], result: Sequence[AiCityRow], filters: MtmcFilters
) -> tuple[list[AiCityRow], list[AiCityRow], dict[str, tuple[int, int]]]:
    """Truth and result without what is left out, and how many true and found boxes that were, by reason."""
    left_out: dict[str, tuple[int, int]] = {}
    parts = list(truth), list(result)

    def keep(reason: str, true: _Kept, found: _Kept) -> None:
        nonlocal parts
        left_out[reason] = int((~true).sum()), int((~found).sum())
        kept = (
            [row for row, stays in zip(part, mask, strict=True) if stays] for part, mask in zip(parts, (true, found), strict=True)
        )
        parts = next(kept), next(kept)

    if filters.regions:
        keep("outside the region", *(_inside(part, filters.regions) for part in parts))
    if filters.least_area > 0.0:
        keep("small", *_large(*parts, filters.least_area))
    if filters.several_cameras:
        keep("one camera", *(_in_several_cameras(part) for part in parts))
    if filters.once_a_picture:
        keep("again in one picture", *(_first_in_picture(part) for part in parts))
    return *parts, left_out


def to_boxes(rows: Sequence[AiCityRow]) -> Boxes:
    """Rows as arrays; the camera is part of the frame number."""
    return Boxes(
        np.array([row.camera * _FRAMES + row.frame for row in rows], np.int64).reshape(-1),
        np.array([row.id for row in rows], np.int64).reshape(-1),
        np.array([(row.x, row.y, row.width, row.height) for row in rows], np.float64).reshape(-1, 4),
    )


def _inside(rows: Sequence[AiCityRow], regions: Mapping[int, _Kept]) -> _Kept:
    return np.array([row.camera not in regions or not _leaves(row, regions[row.camera]) for row in rows], np.bool_)


def _leaves(row: AiCityRow, region: _Kept) -> bool:
    height, width = region.shape
    corners = ((x, y) for x in (int(row.x), int(row.x + row.width)) for y in (int(row.y), int(row.y + row.height)))
    return any(0 <= x < width and 0 <= y < height and not region[y, x] for x, y in corners)


def _large(truth: Sequence[AiCityRow], result: Sequence[AiCityRow], least: float) -> tuple[_Kept, _Kept]:
    true, found = to_boxes(truth), to_boxes(result)
    small, removed = (boxes.boxes[:, 2] * boxes.boxes[:, 3] < least for boxes in (true, found))
    if small.any() or removed.any():
        for picture in pictures(true, found):
            worth = np.where(picture.iou >= 0.5 - EPSILON, picture.iou, 0.0)
            rows, columns = linear_sum_assignment(worth, maximize=True)
            matched = worth[rows, columns] > 0.0
            removed[picture.found[columns[matched]]] = small[picture.true[rows[matched]]]
    return ~small, ~removed


def _in_several_cameras(rows: Sequence[AiCityRow]) -> _Kept:
    cameras: dict[int, set[int]] = {}
    for row in rows:
        cameras.setdefault(row.id, set()).add(row.camera)
    return np.array([len(cameras[row.id]) > 1 for row in rows], np.bool_)


def _first_in_picture(rows: Sequence[AiCityRow]) -> _Kept:
    seen: set[tuple[int, int, int]] = set()
    kept = []
    for row in rows:
        place = row.camera, row.frame, row.id
        kept.append(place not in seen)
        seen.add(place)
    return np.array(kept, np.bool_)
