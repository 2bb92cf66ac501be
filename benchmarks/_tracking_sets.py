"""Footage and scenes with true tracks, as sequences that any tracker can be run over.

Data that the repository does not carry: four clips of a toll road (640x480, 5 fps) with detections by YOLOX-nano, and the
cameras of two scenes (10 fps) of which only true boxes are there. All of them also come as true boxes degraded with a seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks._degraded_truth import degrade
from benchmarks._footage_detections import footage_detections
from evaluation.boxes import Boxes
from throughline.formats.aicity import read_aicity
from throughline.formats.mot import read_mot
from throughline.settings import load_site
from throughline.times import Instant, to_instant
from throughline.types import VEHICLE_TYPES, Detections

__all__ = ["DROPS", "GROUPS", "Drop", "Group", "SequenceFrame", "TrackingSequence", "drop_frames", "load_sets"]

Group: TypeAlias = Literal["toll road, YOLOX-nano", "toll road, degraded", "S01, degraded", "S03, degraded"]
GROUPS: tuple[Group, ...] = ("toll road, YOLOX-nano", "toll road, degraded", "S01, degraded", "S03, degraded")

Drop: TypeAlias = Literal["full", "second", "random"]
DROPS: tuple[Drop, ...] = ("full", "second", "random")
"""All frames; every second one dropped; 30 % of them dropped at random."""

_TOLL_ROAD_FPS = 5.0
_TOLL_ROAD_SIZE = (640, 480)
_LEAST_HEIGHT = 24.0
"""Identities of the toll road's lower boxes were linked by a script that is not sure of them."""
_RANDOMLY_DROPPED = 0.3


@dataclass(frozen=True, slots=True)
class SequenceFrame:
    """What a tracker is given of one frame.

    Attributes:
        number: Frame number, from 1.
        captured: (number - 1) / fps.
        detections: In pixels.
    """

    number: int
    captured: Instant
    detections: Detections


@dataclass(frozen=True, slots=True)
class TrackingSequence:
    """One camera's detections and truth.

    Attributes:
        name: Unique within its group and seed.
        group: What is reported together.
        seed: Of the degradation; 0 where a detector looked.
        fps: Frames a second, before any were dropped.
        size: Width and height of the picture in pixels.
        frames: Those analysed, in order; frames without detections included.
        truth: True boxes of these frames.
        least_height: Pixels; boxes less high count neither way: see `evaluation.sct.without_ignored`.
    """

    name: str
    group: Group
    seed: int
    fps: float
    size: tuple[int, int]
    frames: tuple[SequenceFrame, ...]
    truth: Boxes
    least_height: float = 0.0


def load_sets(data: Path, groups: Sequence[Group] = GROUPS, seeds: Sequence[int] = (1, 2, 3)) -> list[TrackingSequence]:
    """All sequences of ``groups``; those made from true boxes once for each seed.

    Args:
        data: Folder that holds ``mot``, ``association`` and ``models``.
        groups: Which.
        seeds: Of the degradation.
    """
    found: list[TrackingSequence] = []
    for group in groups:
        match group:
            case "toll road, YOLOX-nano":
                found += [_seen(clip, data / "models" / "yolox_nano.onnx") for clip in _clips(data)]
            case "toll road, degraded":
                found += [_degraded(_toll_road(clip), seed) for seed in seeds for clip in _clips(data)]
            case "S01, degraded" | "S03, degraded":
                cameras = _scene(data / "association" / group[:3], group)
                found += [_degraded(camera, seed) for seed in seeds for camera in cameras]
    return found


def drop_frames(sequence: TrackingSequence, how: Drop, seed: int = 0) -> TrackingSequence:
    """The sequence as it is when frames are dropped: neither given to trackers, nor scored.

    Args:
        sequence: With all frames.
        how: Which to drop.
        seed: Where ``random`` chance comes from, together with the sequence's name and seed.
    """
    if how == "full":
        return sequence
    if how == "second":
        kept = sequence.frames[::2]
    else:
        rng = np.random.default_rng([seed, sequence.seed, zlib.crc32(sequence.name.encode())])
        lucky = rng.random(len(sequence.frames)) >= _RANDOMLY_DROPPED
        kept = tuple(frame for frame, stays in zip(sequence.frames, lucky, strict=True) if stays)
    shown = np.isin(sequence.truth.frames, [frame.number for frame in kept])
    return replace(sequence, frames=kept, truth=sequence.truth.where(shown))


@dataclass(frozen=True, slots=True)
class _Camera:
    """Truth of one camera without detections."""

    name: str
    group: Group
    fps: float
    size: tuple[int, int]
    frames: npt.NDArray[np.int64]
    truth: Boxes
    classes: npt.NDArray[np.int64]
    least_height: float = 0.0

    def sequence(self, detections: dict[int, Detections], seed: int) -> TrackingSequence:
        frames = (SequenceFrame(int(k), to_instant((int(k) - 1) / self.fps), detections[int(k)]) for k in self.frames)
        return TrackingSequence(self.name, self.group, seed, self.fps, self.size, tuple(frames), self.truth, self.least_height)


def _clips(data: Path) -> list[Path]:
    clips = sorted(file.parent for file in (data / "mot").glob("*/gt.txt"))
    if not clips:
        raise FileNotFoundError(f"no clips with truth (*/gt.txt) in {data / 'mot'}")
    return clips


def _toll_road(clip: Path, group: Group = "toll road, degraded") -> _Camera:
    rows = read_mot(clip / "gt.txt")
    truth = Boxes(
        np.array([row.frame for row in rows], np.int64),
        np.array([row.id for row in rows], np.int64),
        np.array([(row.x, row.y, row.width, row.height) for row in rows], np.float64),
    )
    classes = np.array([row.category for row in rows], np.int64)
    frames = np.arange(1, truth.frames.max() + 1)
    return _Camera(clip.name, group, _TOLL_ROAD_FPS, _TOLL_ROAD_SIZE, frames, truth, classes, _LEAST_HEIGHT)


def _seen(clip: Path, model: Path) -> TrackingSequence:
    camera = _toll_road(clip, "toll road, YOLOX-nano")
    seen = footage_detections(clip / "video.mp4", model)
    return camera.sequence({int(number): seen[number - 1] for number in camera.frames}, seed=0)


def _scene(folder: Path, group: Group) -> list[_Camera]:
    site = load_site(folder / "site.yaml")
    rows = read_aicity(folder / "truth.txt")
    cameras = []
    for camera in site.cameras:
        mine = [row for row in rows if row.camera == camera.number]
        boxes = np.array([(row.x, row.y, row.width, row.height) for row in mine], np.float64)
        truth = Boxes(np.array([row.frame for row in mine], np.int64), np.array([row.id for row in mine], np.int64), boxes)
        right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
        cameras.append(
            _Camera(
                camera.id,
                group,
                camera.fps,
                (int(np.ceil(right)), int(np.ceil(bottom))),
                np.arange(1, truth.frames.max() + 1),
                truth,
                np.full(len(truth), VEHICLE_TYPES.index("vehicle")),
            )
        )
    return cameras


def _degraded(camera: _Camera, seed: int) -> TrackingSequence:
    rng = np.random.default_rng([seed, zlib.crc32(camera.name.encode())])
    return camera.sequence(degrade(camera.truth, camera.classes, camera.frames, camera.fps, camera.size, rng), seed)
