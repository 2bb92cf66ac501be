"""Where in the picture vehicles count: region of interest, ignored areas, and named zones.

A vehicle stands where the middle of its box's lower edge is, so that point decides. Regions are drawn into masks of the size
of the picture once; asking them costs the same however many corners they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from throughline.settings import CameraSettings
from throughline.types import Detections, FloatArray

__all__ = ["RegionError", "Regions", "Zones", "mask_size"]

_Polygon = Sequence[tuple[float, float]]
_Mask = npt.NDArray[np.uint8]


class RegionError(ValueError):
    """A region that cannot be used; the text names camera and file."""


class Regions:
    """Drops detections outside the region of interest or inside an ignored area.

    Args:
        camera: ``roi`` and ``ignore`` count.
        frame_size: Width and height of the picture in pixels. A mask picture of another size is scaled to it.

    Raises:
        RegionError: the mask picture cannot be read.
    """

    def __init__(self, camera: CameraSettings, frame_size: tuple[int, int]) -> None:
        self._roi: Final = _region_of_interest(camera, frame_size)
        self._ignored: Final = _drawn(camera.ignore, frame_size) if camera.ignore else None

    def keep(self, detections: Detections) -> tuple[Detections, dict[str, int]]:
        """The detections that count, and how many do not, by reason: ``roi`` (outside of it), ``ignored``.

        Boxes that are no numbers are left to the tracker, which counts them as such.
        """
        dropped: dict[str, int] = {}
        if self._roi is not None:
            detections = _without(detections, _at(self._roi, detections.boxes) == 0, "roi", dropped)
        if self._ignored is not None:
            detections = _without(detections, _at(self._ignored, detections.boxes) > 0, "ignored", dropped)
        return detections, dropped


class Zones:
    """Names the zone in which a vehicle stands; where zones overlap, the first one of the site file.

    Args:
        zones: Corners by name.
        frame_size: Width and height of the picture in pixels.
    """

    def __init__(self, zones: Mapping[str, _Polygon], frame_size: tuple[int, int]) -> None:
        self._names: Final = (None, *zones)
        self._map: Final = np.zeros((frame_size[1], frame_size[0]) if zones else (1, 1), np.uint16)
        for number, corners in reversed(list(enumerate(zones.values(), start=1))):
            self._map[_drawn((corners,), frame_size) > 0] = number

    def at(self, box: FloatArray) -> str | None:
        """Name of the zone under ``box`` (4,), if any."""
        if len(self._names) == 1:  # most cameras have none, and this is asked for every vehicle in every frame
            return None
        return self._names[int(_at(self._map, box[None])[0])]


def mask_size(camera: CameraSettings) -> tuple[int, int] | None:
    """Width and height of the camera's mask picture; None when it has none.

    Raises:
        RegionError: the mask picture cannot be read.
    """
    if not isinstance(camera.roi, Path):
        return None
    height, width = _picture(camera, camera.roi).shape
    return width, height


def _region_of_interest(camera: CameraSettings, frame_size: tuple[int, int]) -> _Mask | None:
    if camera.roi is None:
        return None
    if not isinstance(camera.roi, Path):
        return _drawn(camera.roi, frame_size)
    scaled = cv2.resize(_picture(camera, camera.roi), frame_size, interpolation=cv2.INTER_NEAREST)
    return (scaled >= 128).astype(np.uint8)


def _picture(camera: CameraSettings, path: Path) -> _Mask:
    if not path.is_file():
        raise RegionError(f"camera {camera.id}: roi: no such file: {path}")
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise RegionError(f"camera {camera.id}: roi: {path} is not a picture: expected PNG, JPEG or BMP, white = look")
    return picture.astype(np.uint8, copy=False)


def _drawn(polygons: Sequence[_Polygon], frame_size: tuple[int, int]) -> _Mask:
    mask = np.zeros((frame_size[1], frame_size[0]), np.uint8)
    for corners in polygons:
        cv2.fillPoly(mask, [np.round(np.asarray(corners)).astype(np.int32)], 1)
    return mask


def _at(values: npt.NDArray[np.generic], boxes: FloatArray) -> npt.NDArray[np.int64]:
    """Values of a map under boxes (N, 4); beyond the picture's edge, of its nearest pixel."""
    height, width = values.shape
    numbers = np.nan_to_num(boxes, posinf=0, neginf=0).astype(np.float64)
    column = np.clip((numbers[:, 0] + numbers[:, 2]) / 2, 0, width - 1).astype(np.int64)
    row = np.clip(numbers[:, 3], 0, height - 1).astype(np.int64)
    return values[row, column].astype(np.int64)


def _without(detections: Detections, unwanted: npt.NDArray[np.bool_], reason: str, dropped: dict[str, int]) -> Detections:
    unwanted &= np.isfinite(detections.boxes).all(axis=1)
    if not unwanted.any():
        return detections
    dropped[reason] = int(unwanted.sum())
    return detections.select(~unwanted)
