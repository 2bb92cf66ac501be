"""A folder of recorded detections, in MOT rows or COCO JSON: what a detector saw, for the tracker to go on from.

Each camera has ``<camera>.txt`` with rows ``frame,-1,x,y,width,height,confidence,class,-1,-1`` or ``<camera>.json``
(`throughline.formats.coco`), and perhaps ``<camera>.frames`` (`throughline.formats.frames`). Boxes are in pixels; classes
are indices into `throughline.types.VEHICLE_TYPES`, and -1 is a vehicle of unknown class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from throughline.formats._rows import FormatError
from throughline.formats._table import read_table
from throughline.formats.coco import CocoDetections, read_coco
from throughline.formats.frames import AnalysedFrames, read_frames
from throughline.settings import Site
from throughline.types import VEHICLE_TYPES, Detections, FloatArray, IntArray

__all__ = ["RecordedDetections", "detection_lines", "read_detections"]

_EXPECTED: Final = "frame,-1,x,y,width,height[,confidence[,class ...]]"
_UNKNOWN: Final = VEHICLE_TYPES.index("vehicle")
_MOST_FRAMES: Final = 20_000_000
"""Without a list of the analysed frames each one up to the last is gone through: more than this is a wrong number."""


@dataclass(frozen=True, slots=True)
class RecordedDetections:
    """What a detector saw in the frames of one camera.

    Attributes:
        camera: Camera id.
        frames: The frames that were analysed.
        starts: (F + 1,) int64: the detections of the i-th frame are those from ``starts[i]`` to ``starts[i + 1]``.
        detections: Of all frames.
        left_out: Detections of the file that are not among them, by reason: ``category`` (no vehicle), ``crowd``.
    """

    camera: str
    frames: AnalysedFrames
    starts: IntArray
    detections: Detections
    left_out: Mapping[str, int] = field(default_factory=dict)

    def of(self, index: int) -> Detections:
        """The detections of the ``index``-th frame."""
        return self.detections.select(np.arange(self.starts[index], self.starts[index + 1]))


def read_detections(folder: Path, site: Site) -> Iterator[RecordedDetections]:
    """The detections of one camera after the other, in the order of the site file.

    Boxes without a width or a height and numbers that are none are left to the tracker, which counts them as invalid.

    Raises:
        FormatError: a file cannot be read or is wrong, or no camera of the site has one.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    known = {camera.id for camera in site.cameras}
    files: dict[str, Path] = {}
    for path in sorted([*folder.glob("*.txt"), *folder.glob("*.json")]):
        if path.stem not in known:
            raise FormatError(f"{path}: the site {site.site} has no camera {path.stem}; it has {', '.join(sorted(known))}")
        if path.stem in files:
            raise FormatError(f"{path}: {files[path.stem].name} is there as well; expected one of them")
        files[path.stem] = path
    if not files:
        first = site.cameras[0].id
        raise FormatError(f"{folder}: expected <camera>.txt or <camera>.json for cameras of the site, such as {first}.txt")
    for camera in site.cameras:
        if camera.id in files:
            yield _read(files[camera.id], camera.id)


def detection_lines(frame: int, detections: Detections) -> str:
    """The rows of one frame, from which `read_detections` makes the very same boxes, scores and classes."""
    lines = []
    x1s, y1s, x2s, y2s = (column.tolist() for column in detections.boxes.T)
    for x1, y1, x2, y2, score, category in zip(
        x1s, y1s, x2s, y2s, map(str, detections.scores), detections.classes.tolist(), strict=True
    ):
        kind = -1 if category == _UNKNOWN else category
        lines.append(f"{frame},-1,{x1!r},{y1!r},{x2 - x1!r},{y2 - y1!r},{score},{kind},-1,-1\n")
    return "".join(lines)


def _read(path: Path, camera: str) -> RecordedDetections:
    beside = path.with_suffix(".frames")
    listed = read_frames(beside) if beside.exists() else None
    if path.suffix == ".json":
        return _from_coco(path, read_coco(path), camera, listed)
    table = read_table(path, least=6, defaults=(*[np.nan] * 6, 1.0, -1.0), expected=_EXPECTED)
    numbers = table.whole(0, "frame", least=1)
    classes = table.whole(7, "class", least=-1, most=len(VEHICLE_TYPES) - 1)
    frames = _all_frames(path, numbers) if listed is None else listed
    unlisted = ~np.isin(numbers, frames.numbers)
    if unlisted.any():
        row = int(unlisted.argmax())
        raise table.error(row, f"frame {numbers[row]} is not listed in {beside.name}, so it cannot have detections")
    boxes, scores = _corners(table.values[:, 2:6]), _float32(table.values[:, 6])
    return _sorted(camera, frames, numbers, Detections(boxes, scores, np.where(classes < 0, _UNKNOWN, classes)))


def _from_coco(path: Path, coco: CocoDetections, camera: str, listed: AnalysedFrames | None) -> RecordedDetections:
    if coco.frames is not None and listed is not None:
        raise FormatError(f"{path.with_suffix('.frames')}: {path.name} lists its frames itself; expected one of the two lists")
    frames = listed
    if frames is None:
        frames = _all_frames(path, coco.numbers) if coco.frames is None else AnalysedFrames(coco.frames)
    unlisted = ~np.isin(coco.numbers, frames.numbers)
    if unlisted.any():
        number = coco.numbers[unlisted][0]
        raise FormatError(f"{path}: frame {number} is not listed in {path.stem}.frames, so it cannot have detections")
    detections = Detections(_corners(coco.boxes), _float32(coco.scores), coco.classes)
    return _sorted(camera, frames, coco.numbers, detections, coco.left_out)


def _all_frames(path: Path, numbers: IntArray) -> AnalysedFrames:
    last = int(numbers.max(initial=0))
    if last > _MOST_FRAMES:
        raise FormatError(
            f"{path}: frame {last} would mean {last} frames to go through: list those that were analysed in {path.stem}.frames"
        )
    return AnalysedFrames.up_to(last)


def _sorted(
    camera: str, frames: AnalysedFrames, numbers: IntArray, detections: Detections, left_out: Mapping[str, int] | None = None
) -> RecordedDetections:
    order = np.argsort(numbers, kind="stable")
    starts = np.append(np.searchsorted(numbers[order], frames.numbers), len(numbers))
    return RecordedDetections(camera, frames, starts, detections.select(order), left_out or {})


def _corners(boxes: npt.NDArray[np.float64]) -> FloatArray:
    """x, y, width, height (N, 4) as x1, y1, x2, y2."""
    with np.errstate(invalid="ignore"):  # infinities, which the tracker counts
        return _float32(np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1))


def _float32(values: npt.NDArray[np.float64]) -> FloatArray:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
