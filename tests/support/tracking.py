"""Scenes of moving boxes with a known truth, and how well a tracker keeps them apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from streams.tracker import Tracker
from streams.tracker.boxes import pairwise_iou
from throughline.times import Instant, to_instant
from throughline.types import Detections, Tracks

__all__ = [
    "Identity",
    "TruthFrame",
    "centred_boxes",
    "degraded",
    "detections",
    "driving",
    "follow",
    "identity",
    "plain_iou",
    "unit_rows",
]


@dataclass(frozen=True)
class TruthFrame:
    """What is really there: boxes (N, 4) corners, and which vehicle each one is (N,)."""

    captured: Instant
    boxes: np.ndarray
    vehicles: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class Identity:
    """How well tracks keep to vehicles.

    Attributes:
        switches: Times that a vehicle's track was another one than before.
        purity: Share of the tracks' boxes that belong to their track's most frequent vehicle.
        found: Share of the truth's boxes that some track covers with an overlap of a half.
        tracks: Number of tracks.
    """

    switches: int
    purity: float
    found: float
    tracks: int


def detections(
    boxes: Sequence[Sequence[float]] | np.ndarray, scores: object = 0.9, classes: object = 0, looks: object = None
) -> Detections:
    """Detections of ``boxes``, with one score and class for all or one for each; and a look (unit row) for each, or none."""
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(
        array,
        np.broadcast_to(np.array(scores, np.float32), len(array)).copy(),
        np.broadcast_to(np.array(classes, np.int64), len(array)).copy(),
        None if looks is None else np.array(looks, np.float32),
    )


def centred_boxes(random: np.random.Generator, count: int, extent: float = 300) -> np.ndarray:
    """Boxes of 10 to 120 pixels a side: centre x, centre y, width, height (4, N), as the tracker has them."""
    return np.concatenate((random.uniform(0, extent, (2, count)), random.uniform(10, 120, (2, count)))).astype(np.float32)


def unit_rows(random: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    """Looks, each of length one: (count, dimension) float32."""
    rows = random.normal(size=(count, dimension))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def plain_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes given by corners."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    area = (first[2] - first[0]) * (first[3] - first[1]) + (second[2] - second[0]) * (second[3] - second[1])
    iou: float = shared / (area - shared)
    return iou


def driving(
    vehicles: Iterable[tuple[tuple[float, float, float, float], tuple[float, float], float, float]],
    seconds: float,
    fps: float,
) -> list[TruthFrame]:
    """Vehicles that drive straight: (first box, velocity in pixels a second, when it comes, when it goes)."""
    frames = []
    fleet = list(vehicles)
    for number in range(round(seconds * fps)):
        time = number / fps
        seen = [
            (np.array(box) + np.tile(velocity, 2) * (time - begin), vehicle)
            for vehicle, (box, velocity, begin, end) in enumerate(fleet)
            if begin <= time < end
        ]
        boxes = np.array([box for box, _ in seen], np.float32).reshape(-1, 4)
        names = np.array([vehicle for _, vehicle in seen], np.int64)
        frames.append(TruthFrame(to_instant(time), boxes, names, np.zeros(len(names), np.int64)))
    return frames


def degraded(
    frames: Sequence[TruthFrame], seed: int, *, missed: float = 0.06, weak: float = 0.12, jitter: float = 0.03
) -> list[tuple[TruthFrame, Detections]]:
    """What a middling detector makes of the truth: boxes missed, weak, and off by ``jitter`` of their size."""
    random = np.random.default_rng(seed)
    result = []
    for frame in frames:
        seen = random.random(len(frame.boxes)) >= missed
        boxes = frame.boxes[seen].astype(np.float64)
        size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        boxes += random.normal(0, jitter, boxes.shape) * size
        scores = np.where(
            random.random(len(boxes)) < weak, random.uniform(0.15, 0.45, len(boxes)), random.uniform(0.55, 0.95, len(boxes))
        )
        result.append((frame, detections(boxes, scores, frame.classes[seen])))
    return result


def follow(tracker: Tracker, scene: Iterable[tuple[TruthFrame, Detections]]) -> list[tuple[TruthFrame, Tracks]]:
    """The tracks of each frame."""
    return [(frame, tracker.update(seen, frame.captured)) for frame, seen in scene]


def identity(followed: Iterable[tuple[TruthFrame, Tracks]]) -> Identity:
    """Scores tracks against the truth; a track covers the vehicle that it overlaps most, from a half on."""
    latest: dict[int, int] = {}
    vehicles_of: defaultdict[int, Counter[int]] = defaultdict(Counter)
    switches = found = total = 0
    for frame, tracks in followed:
        total += len(frame.boxes)
        if len(frame.boxes) == 0 or len(tracks) == 0:
            continue
        overlap = pairwise_iou(tracks.boxes, frame.boxes.astype(np.float32))
        for row, number in enumerate(tracks.ids.tolist()):
            column = int(overlap[row].argmax())
            if overlap[row, column] < 0.5:
                continue
            vehicle = int(frame.vehicles[column])
            found += 1
            switches += latest.get(vehicle, number) != number
            latest[vehicle] = number
            vehicles_of[number][vehicle] += 1
    pure = sum(counts.most_common(1)[0][1] for counts in vehicles_of.values())
    booked = sum(counts.total() for counts in vehicles_of.values())
    return Identity(switches, pure / max(booked, 1), found / max(total, 1), len(vehicles_of))
