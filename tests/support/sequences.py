"""Vehicles on straight lines, as sequences for the tracker benchmarks, and as the files that such sequences are read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks._tracking_sets import SequenceFrame, TrackingSequence
from evaluation.boxes import Boxes
from throughline.times import to_instant
from throughline.types import Detections

SIZE = (640, 480)
FPS = 10.0


def lanes(vehicles: int = 2, frames: int = 12) -> Boxes:
    """Each vehicle has a lane of its own, 100 pixels from the next, and drives 6 pixels a frame; ids from 1."""
    numbers, ids = (grid.ravel() for grid in np.meshgrid(np.arange(1, frames + 1), np.arange(1, vehicles + 1), indexing="ij"))
    boxes = np.stack([20.0 + 6.0 * numbers, 100.0 * ids - 60.0, np.full(len(ids), 60.0), np.full(len(ids), 40.0)], axis=1)
    return Boxes(numbers, ids, boxes)


def sequence_of(truth: Boxes, *, seed: int = 1, name: str = "c001", least_height: float = 0.0) -> TrackingSequence:
    """Truth that a perfect detector sees."""
    frames = []
    for number in range(1, int(truth.frames.max()) + 1):
        here = truth.boxes[truth.frames == number]
        corners = np.concatenate([here[:, :2], here[:, :2] + here[:, 2:]], axis=1).astype(np.float32)
        seen = Detections(corners, np.full(len(here), 0.9, np.float32), np.zeros(len(here), np.int64))
        frames.append(SequenceFrame(number, to_instant((number - 1) / FPS), seen))
    return TrackingSequence(name, "S01, degraded", seed, FPS, SIZE, tuple(frames), truth, least_height)


def write_sets(folder: Path, truth: Boxes) -> None:
    """``truth`` as a toll road clip without video, and as both scenes of two cameras each."""
    rows = [(frame, vehicle, *box) for frame, vehicle, box in zip(truth.frames, truth.ids, truth.boxes.tolist(), strict=True)]
    clip = folder / "mot" / "clip"
    clip.mkdir(parents=True)
    lines = [",".join(map(str, (*row, 1, 2, 1))) for row in rows]
    (clip / "gt.txt").write_text("\n".join(lines) + "\n")
    for scene in ("S01", "S03"):
        place = folder / "association" / scene
        place.mkdir(parents=True)
        cameras = "".join(f"- {{id: c00{number}, fps: {FPS}}}\n" for number in (1, 2))
        (place / "site.yaml").write_text(f"site: {scene.lower()}\ncameras:\n{cameras}")
        lines = [
            f"{camera} {vehicle} {frame} {' '.join(map(str, box))} -1 -1" for camera in (1, 2) for frame, vehicle, *box in rows
        ]
        (place / "truth.txt").write_text("\n".join(lines) + "\n")
