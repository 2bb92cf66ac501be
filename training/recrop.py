"""Cuts pictures of vehicles anew with a detector, so that a network learns from crops like those it will be shown.

Sets are cut by people or by other detectors: looser, tighter, or with a neighbour inside. Every picture of a folder, whatever
the folder's layout, is cut to the box of the vehicle that it is of; all other files are copied, so that the result reads like
the original and can stand beside it in a recipe as a second source.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inference.detector import Detector
from throughline.formats.yolo_folder import PICTURE_SUFFIXES
from throughline.types import ClockSource, Detections, Frame, Image

__all__ = ["RecropError", "RecropReport", "RecropRule", "recrop_folder", "vehicle_box"]

_GREY: Final = 114
_SIDE_BY_SIDE: Final = 4
_JPEG_QUALITY: Final = 95


class RecropError(ValueError):
    """A folder that cannot be cut anew; one line says why."""


@dataclass(frozen=True, slots=True)
class RecropRule:
    """Which box is that of the vehicle that a picture is of, and how it is cut.

    Attributes:
        least_score: Of the detection, 0..1.
        least_share: Share of the picture that the box covers, at least: smaller ones are of somebody else.
        margin: How much wider and higher than the box the new picture is on each side, in shares of the box's size.
        border: Grey that is put around the picture for the detector, in shares of its size: detectors are trained on vehicles
            with something around them.
    """

    least_score: float = 0.25
    least_share: float = 0.5
    margin: float = 0.02
    border: float = 0.25


@dataclass(frozen=True, slots=True)
class RecropReport:
    """What became of the pictures of a folder.

    Attributes:
        cut: Pictures that were cut anew.
        kept: Pictures that were copied as they are, by reason: ``no vehicle``, ``small`` (none covers enough), ``unreadable``.
        copied: Files that are no pictures.
        share: Mean share of the old picture that the new one is.
    """

    cut: int
    kept: dict[str, int] = field(default_factory=dict)
    copied: int = 0
    share: float = 1.0

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"cut": self.cut, "kept": dict(sorted(self.kept.items())), "copied": self.copied, "mean_share": self.share}


def vehicle_box(detections: Detections, size: tuple[int, int], rule: RecropRule) -> tuple[int, int, int, int] | str:
    """The part of a picture that shows the vehicle it is of: of the boxes that are sure and large enough, score times area.

    Args:
        detections: What was found, in pixels of the picture; boxes may reach out of it.
        size: (width, height) of the picture.
        rule: What is sure and large enough.

    Returns:
        x1, y1, x2, y2 in whole pixels inside the picture, with the margin; or the reason why there is none.
    """
    width, height = size
    sure = np.flatnonzero(detections.scores >= rule.least_score)
    if len(sure) == 0:
        return "no vehicle"
    boxes = np.clip(detections.boxes[sure], 0, np.array([width, height, width, height], np.float32)).astype(np.float64)
    shares = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1) / (width * height)
    large = np.flatnonzero(shares >= rule.least_share)
    if len(large) == 0:
        return "small"
    best = large[np.argmax(shares[large] * detections.scores[sure][large])]
    x1, y1, x2, y2 = boxes[best].tolist()
    more_x, more_y = rule.margin * (x2 - x1), rule.margin * (y2 - y1)
    left, top = max(0, int(np.floor(x1 - more_x))), max(0, int(np.floor(y1 - more_y)))
    return left, top, min(width, int(np.ceil(x2 + more_x))), min(height, int(np.ceil(y2 + more_y)))


def recrop_folder(
    source: Path,
    target: Path,
    detector: Detector,
    *,
    rule: RecropRule | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RecropReport:
    """Cuts all pictures of a folder and its subfolders anew.

    Args:
        source: The folder.
        target: Where the result goes: a folder that is not there yet, or empty, and not inside ``source``.
        detector: Finds the vehicles.
        rule: Which box is cut out; default: `RecropRule`'s values.
        progress: Told how many pictures are done, of how many.

    Raises:
        RecropError: the folders do not allow it, or there are no pictures.
        inference.errors.InferenceError: the detector failed.
    """
    pictures, others = _files(source, target)
    chosen = RecropRule() if rule is None else rule
    shares: list[float] = []
    kept: dict[str, int] = {}
    done = 0

    async def one(path: Path, gate: asyncio.Semaphore) -> None:
        nonlocal done
        async with gate:
            result = await _recrop(path, target / path.relative_to(source), detector, chosen)
        if isinstance(result, str):
            kept[result] = kept.get(result, 0) + 1
        else:
            shares.append(result)
        done += 1
        if progress is not None:
            progress(done, len(pictures))

    async def run() -> None:
        gate = asyncio.Semaphore(_SIDE_BY_SIDE)
        await asyncio.gather(*(one(path, gate) for path in pictures))

    for path in (*pictures, *others):
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
    for path in others:
        shutil.copyfile(path, target / path.relative_to(source))
    asyncio.run(run())
    return RecropReport(len(shares), kept, len(others), float(np.mean(shares)) if shares else 1.0)


async def _recrop(path: Path, target: Path, detector: Detector, rule: RecropRule) -> float | str:
    """Writes one picture; the share of it that was cut out, or the reason why it was copied."""
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        shutil.copyfile(path, target)
        return "unreadable"
    height, width = image.shape[:2]
    box = vehicle_box(await _detect(np.asarray(image, np.uint8), detector, rule.border), (width, height), rule)
    if isinstance(box, str):
        shutil.copyfile(path, target)
        return box
    left, top, right, bottom = box
    settings = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if path.suffix.lower() in (".jpg", ".jpeg") else []
    _, data = cv2.imencode(path.suffix, image[top:bottom, left:right], settings)
    data.tofile(target)
    return float((right - left) * (bottom - top) / (width * height))


async def _detect(image: Image, detector: Detector, border: float) -> Detections:
    """What is found in the picture with grey around it, in pixels of the picture itself."""
    across, down = round(border * image.shape[1]), round(border * image.shape[0])
    framed = cv2.copyMakeBorder(image, down, down, across, across, cv2.BORDER_CONSTANT, value=(_GREY, _GREY, _GREY))
    found = await detector.detect(Frame("", 0, 0, ClockSource.FILE, 0.0, np.asarray(framed, np.uint8)))
    shift = np.array([across, down, across, down], np.float32)
    return Detections(found.boxes - shift, found.scores, found.classes)


def _files(source: Path, target: Path) -> tuple[list[Path], list[Path]]:
    """Pictures and other files of a folder.

    Raises:
        RecropError: the folders do not allow it, or there are no pictures.
    """
    if not source.is_dir():
        raise RecropError(f"{source}: no such folder")
    if target.resolve().is_relative_to(source.resolve()):
        raise RecropError(f"{target}: the result must not lie inside {source}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RecropError(f"{target}: there is something there already; name a folder that is new or empty")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    pictures = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        raise RecropError(f"{source}: no pictures; looked for {', '.join(PICTURE_SUFFIXES)}")
    return pictures, [path for path in files if path.suffix.lower() not in PICTURE_SUFFIXES]
