"""What detectors find in the demo's rendered clips, by size and by how much is hidden: ``python -m benchmarks.footage``.

A vehicle counts as found if a detection overlaps its true box (of the whole vehicle, cut at the picture's border) by an IoU of at
least 0.5; each detection finds one vehicle, the surest first. A false alarm is a detection more than half of which lies
outside every vehicle's box, however small, hidden or far away the vehicle.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._footage_detections import footage_detections
from simulation.city.cameras import CityCamera
from simulation.city.sightings import Sightings
from simulation.city.visibility import projected_boxes
from simulation.footage import Footage, shipped_footage
from throughline.types import Detections, FloatArray

__all__ = ["Found", "far_boxes", "find", "main", "table"]

SHIPPED = Path(__file__).parent.parent / "inference" / "weights" / "vehicle_detector.onnx"
"""The detector that comes with the product."""

_TALL, _HALF = 30.0, 0.5
_CLOSEST = 12.0
"""Metres before a camera from which on all of a vehicle is before it."""
_HEIGHTS = ((12, 20), (20, 30), (30, 50), (50, 80), (80, 1000))
_VISIBLE = ((0.0, 0.25), (0.25, 0.5), (0.5, 0.8), (0.8, 1.01))


@dataclass(frozen=True, slots=True)
class Found:
    """What a detector found in one clip.

    Attributes:
        truth: What there was.
        found: (M,) whether each row of it was found.
        alarms: Number of false alarms.
        frames: Number of pictures.
    """

    truth: Sightings
    found: npt.NDArray[np.bool_]
    alarms: int
    frames: int


def find(truth: Sightings, detections: Sequence[Detections], confidence: float, beyond: Sequence[FloatArray] = ()) -> Found:
    """Compares the detections of each frame of a clip, those of at least ``confidence``, with the truth.

    Args:
        truth: Of the clip.
        detections: Of each frame.
        confidence: Least score.
        beyond: For each frame boxes (K, 4) of further vehicles, which need not be found and make no false alarm.
    """
    found = np.zeros(len(truth), bool)
    alarms = 0
    starts = np.searchsorted(truth.frames, np.arange(len(detections) + 1))
    for frame, seen in enumerate(detections):
        rows = slice(starts[frame], starts[frame + 1])
        sure = seen.scores >= confidence
        boxes, scores, true = seen.boxes[sure], seen.scores[sure], truth.boxes[rows]
        if not len(boxes):
            continue
        shared = _shared(boxes, true)
        area, true_area = _area(boxes), _area(true)
        overlap = shared / np.maximum(area[:, None] + true_area[None] - shared, 1e-9)
        free = np.ones(len(true), bool)
        for number in np.argsort(-scores, kind="stable"):
            chances = np.where(free, overlap[number], 0.0)
            if len(chances) and chances.max() >= 0.5:
                best = int(chances.argmax())
                free[best] = False
                found[starts[frame] + best] = True
        covered = shared.max(1, initial=0.0)
        if len(beyond):
            covered = np.maximum(covered, _shared(boxes, beyond[frame]).max(1, initial=0.0))
        alarms += int((covered < 0.5 * area).sum())
    return Found(truth, found, alarms, len(detections))


def _area(boxes: FloatArray) -> FloatArray:
    area: FloatArray = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    return area


def _shared(first: FloatArray, second: FloatArray) -> FloatArray:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared: FloatArray = np.prod(np.maximum(high - low, 0), axis=2)
    return shared


def _counted(results: Sequence[Found], height: tuple[float, float], visible: tuple[float, float]) -> str:
    hit = total = 0
    for result in results:
        truth = result.truth
        tall = truth.boxes[:, 3] - truth.boxes[:, 1]
        rows = (tall > height[0]) & (tall <= height[1]) & (truth.visible >= visible[0]) & (truth.visible < visible[1])
        rows &= truth.inside >= _HALF
        hit, total = hit + int(result.found[rows].sum()), total + int(rows.sum())
    return f"{100 * hit / total:.1f} % of {total}" if total else "-"


def table(results: dict[str, Sequence[Found]]) -> list[str]:
    """Markdown: a row for each camera, size and share visible, a column for each detector."""
    names = list(results)
    lines = ["| Vehicles, at least half in the picture | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    whole = (_TALL, 10_000.0), (_HALF, 1.01)

    def row(title: str, cells: Sequence[str]) -> None:
        lines.append(f"| {title} | " + " | ".join(cells) + " |")

    row("**taller than 30 px, at least half visible**", [f"**{_counted(results[name], *whole)}**" for name in names])
    for number, result in enumerate(results[names[0]]):
        row(f"the same, {result.truth.camera} alone", [_counted(results[name][number : number + 1], *whole) for name in names])
    for height in _HEIGHTS:
        upper = f"to {height[1]} px" if height[1] < 1000 else "px and more"
        row(f"{height[0]} {upper} tall, at least half visible", [_counted(results[name], height, whole[1]) for name in names])
    for visible in _VISIBLE:
        title = f"taller than 30 px, {round(100 * visible[0])} to {min(100, round(100 * visible[1]))} % visible"
        row(title, [_counted(results[name], whole[0], visible) for name in names])
    alarms = [sum(result.alarms for result in results[name]) / sum(result.frames for result in results[name]) for name in names]
    row("false alarms a picture", [f"{rate:.3f}" for rate in alarms])
    return lines


def far_boxes(footage: Footage, camera: CityCamera) -> list[FloatArray]:
    """For each frame of a camera's clip the boxes (K, 4) of all vehicles before it, also beyond its reach, as solid boxes."""
    instants = np.arange(round(footage.seconds * footage.fps)) / footage.fps
    found: list[list[FloatArray]] = [[] for _ in instants]
    for way in footage.scenario.trajectories:
        there, places, headings = way.at(instants)
        there &= camera.to_camera(np.column_stack((places, np.zeros(len(places)))))[:, 2] > _CLOSEST
        sizes = np.tile(footage.scenario.vehicles[way.vehicle].size, (int(there.sum()), 1))
        for frame, box in zip(np.flatnonzero(there), projected_boxes(camera, places[there], headings[there], sizes), strict=True):
            found[frame].append(box.astype(np.float32))
    return [np.array(boxes, np.float32).reshape(-1, 4) for boxes in found]


def _measure(footage: Footage, model: Path, confidence: float) -> list[Found]:
    return [
        find(
            footage.truth[camera.id], footage_detections(footage.clips[camera.id], model), confidence, far_boxes(footage, camera)
        )
        for camera in footage.scenario.cameras
    ]


def _stills(
    footage: Footage, found: Sequence[Found], detections: Sequence[Sequence[Detections]], confidence: float, folder: Path
) -> None:
    """For each camera its fullest picture, plain and with boxes: true ones white, those found by the first detector green."""
    folder.mkdir(parents=True, exist_ok=True)
    for (camera, clip), result, seen in zip(footage.clips.items(), found, detections, strict=True):
        truth = result.truth
        clear = (truth.boxes[:, 3] - truth.boxes[:, 1] > _TALL) & (truth.visible > _HALF) & (truth.inside > 0.9)
        frame = int(np.bincount(truth.frames[clear], minlength=result.frames).argmax())
        with av.open(str(clip)) as container:
            picture = next(itertools.islice(container.decode(video=0), frame, None)).to_ndarray(format="bgr24")
        cv2.imwrite(str(folder / f"city-{camera}.jpg"), picture, (cv2.IMWRITE_JPEG_QUALITY, 90))
        boxed = picture.copy()
        rows = (truth.frames == frame) & (truth.visible >= 0.1)
        for boxes, colour in (
            (truth.boxes[rows], (255, 255, 255)),
            (seen[frame].boxes[seen[frame].scores >= confidence], (60, 200, 60)),
        ):
            for left, top, right, bottom in boxes.round().astype(int).tolist():
                cv2.rectangle(boxed, (left, top), (right, bottom), colour, 1, cv2.LINE_AA)
        cv2.imwrite(str(folder / f"city-{camera}-boxes.jpg"), boxed, (cv2.IMWRITE_JPEG_QUALITY, 90))


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footage", description=__doc__)
    parser.add_argument("--confidence", type=float, default=0.25, help="least score of a detection")
    parser.add_argument("--model", type=Path, action="append", default=[], help="further detectors of the YOLOX type, ONNX files")
    parser.add_argument("--stills", type=Path, help="folder for a picture of each camera, plain and with boxes")
    given = parser.parse_args(arguments)
    footage = shipped_footage("demo")
    models = {path.stem.replace("_", "-"): path for path in (SHIPPED, *given.model)}
    results: dict[str, Sequence[Found]] = {name: _measure(footage, path, given.confidence) for name, path in models.items()}
    print("\n".join(table(results)))
    if given.stills:
        seen = [footage_detections(clip, SHIPPED) for clip in footage.clips.values()]
        _stills(footage, next(iter(results.values())), seen, given.confidence, given.stills)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
