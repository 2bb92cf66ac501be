"""Detections made from true boxes: what a detector of middling quality would have reported, drawn with a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.boxes import Boxes
from throughline.types import Detections, IntArray

__all__ = ["Degradation", "covered_shares", "degrade"]

_Floats = npt.NDArray[np.float64]
_HEIGHT_OF_CERTAINTY = 32.0
"""Detectors of the usual input sizes are as sure of boxes of this height in pixels as of any higher one."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """How bad the detector is.

    Attributes:
        single_misses: Share of boxes that are missed, each on its own.
        miss_runs: How often a vehicle starts to be missed for a while, a second.
        miss_seconds: Mean length of such a while.
        covered_from: A box of which nearer ones cover this share begins to be missed; twice this share: always missed.
        place_noise: Standard deviation of the centre, as a share of width and height.
        size_noise: Standard deviation of the logarithms of width and height.
        score: Mean score of a box in the open.
        score_noise: Standard deviation of the score from frame to frame, and once more from vehicle to vehicle.
        weak: Share of boxes with a low score for no visible reason.
        false_alarms: Boxes of nothing, seen once, a frame.
        ghosts: How often something begins to look like a vehicle that stands, a second.
        ghost_seconds: Mean time for which it does.
        least_score: Boxes below are not reported.
    """

    single_misses: float = 0.04
    miss_runs: float = 0.06
    miss_seconds: float = 0.6
    covered_from: float = 0.4
    place_noise: float = 0.03
    size_noise: float = 0.04
    score: float = 0.82
    score_noise: float = 0.06
    weak: float = 0.08
    false_alarms: float = 0.1
    ghosts: float = 0.03
    ghost_seconds: float = 1.5
    least_score: float = 0.1


def covered_shares(boxes: _Floats) -> _Floats:
    """Share of each box that nearer boxes cover, (N,) in 0..1; nearer is what stands lower in the picture.

    Args:
        boxes: (N, 4), x, y, width, height, of one picture. Where several cover the same spot, it counts as often.
    """
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    sides = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    shared = np.prod(np.maximum(sides, 0.0), axis=2)
    nearer = high[None, :, 1] > high[:, None, 1]
    areas = np.maximum(np.prod(boxes[:, 2:], axis=1), 1e-9)
    return np.asarray(np.minimum((shared * nearer).sum(axis=1) / areas, 1.0))


def degrade(
    truth: Boxes,
    classes: IntArray,
    frames: IntArray,
    fps: float,
    size: tuple[int, int],
    rng: np.random.Generator,
    how: Degradation | None = None,
) -> dict[int, Detections]:
    """One `Detections` for each of ``frames``, best score first.

    Args:
        truth: True boxes in pixels.
        classes: (N,) class of each of them.
        frames: Numbers of the frames there are, (F,); frames without a true box included.
        fps: Frames a second.
        size: Width and height of the picture; boxes are cut at its edges.
        rng: Where chance comes from.
        how: Default: a detector of middling quality.
    """
    how = how or Degradation()
    covered = np.zeros(len(truth))
    for frame in np.unique(truth.frames):
        here = np.flatnonzero(truth.frames == frame)
        covered[here] = covered_shares(truth.boxes[here])
    seen = ~_missed(truth, covered, fps, rng, how)
    real = (
        truth.frames[seen],
        _jittered(truth.boxes[seen], 1.0 + 2.0 * covered[seen], rng, how),
        _scores(truth, covered, rng, how)[seen],
        classes[seen],
    )
    numbers, boxes, scores, kinds = (
        np.concatenate(columns) for columns in zip(real, *_false(truth, classes, frames, fps, rng, how), strict=True)
    )
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    corners = np.clip(corners, 0.0, np.array([*size, *size], np.float64))
    keep = ((corners[:, 2:] - corners[:, :2]) > 1.0).all(axis=1) & (scores >= how.least_score)
    order = np.flatnonzero(keep)
    order = order[np.lexsort((-scores[order], numbers[order]))]
    edges = np.searchsorted(numbers[order], frames), np.searchsorted(numbers[order], frames, side="right")
    return {
        int(frame): Detections(
            corners[order[low:high]].astype(np.float32),
            scores[order[low:high]].astype(np.float32),
            kinds[order[low:high]].astype(np.int64),
        )
        for frame, low, high in zip(frames, *edges, strict=True)
    }


def _missed(truth: Boxes, covered: _Floats, fps: float, rng: np.random.Generator, how: Degradation) -> npt.NDArray[np.bool_]:
    missed = rng.random(len(truth)) < how.single_misses
    missed |= rng.random(len(truth)) < (covered - how.covered_from) / how.covered_from
    for vehicle in np.unique(truth.ids):
        rows = np.flatnonzero(truth.ids == vehicle)
        rows = rows[np.argsort(truth.frames[rows])]
        starts = rng.random(len(rows)) < how.miss_runs / fps
        lengths = np.maximum(rng.exponential(how.miss_seconds * fps, len(rows)), 1.0)
        until = np.maximum.accumulate(np.where(starts, truth.frames[rows] + lengths, 0.0))
        missed[rows] |= truth.frames[rows] < until
    return missed


def _jittered(boxes: _Floats, strength: _Floats, rng: np.random.Generator, how: Degradation) -> _Floats:
    """Boxes (N, 4) with noise in place and size; ``strength`` (N,) multiplies it."""
    noise = rng.normal(size=boxes.shape) * strength[:, None]
    sides = boxes[:, 2:] * np.exp(how.size_noise * noise[:, 2:])
    centres = boxes[:, :2] + boxes[:, 2:] / 2 + how.place_noise * noise[:, :2] * boxes[:, 2:]
    return np.concatenate([centres - sides / 2, sides], axis=1)


def _scores(truth: Boxes, covered: _Floats, rng: np.random.Generator, how: Degradation) -> _Floats:
    _, vehicle = np.unique(truth.ids, return_inverse=True)
    own = rng.normal(0.0, how.score_noise, vehicle.max(initial=0) + 1)[vehicle]
    smallness = np.clip(1.0 - truth.boxes[:, 3] / _HEIGHT_OF_CERTAINTY, 0.0, 1.0)
    scores = how.score + own + rng.normal(0.0, how.score_noise, len(truth)) - 0.6 * covered - 0.5 * smallness
    weak = rng.random(len(truth)) < how.weak
    scores = np.where(weak, np.minimum(scores, rng.uniform(0.15, 0.5, len(truth))), scores)
    return np.asarray(np.clip(scores, 0.02, 0.99))


def _false(
    truth: Boxes, classes: IntArray, frames: IntArray, fps: float, rng: np.random.Generator, how: Degradation
) -> list[tuple[IntArray, _Floats, _Floats, IntArray]]:
    """Frame numbers, boxes, scores and classes of what is not there, as large as vehicles near that place are."""
    if not len(truth) or not len(frames):
        return []
    single = np.repeat(frames, rng.poisson(how.false_alarms, len(frames)))
    model = rng.integers(len(truth), size=len(single))
    boxes = truth.boxes[model].copy()
    boxes[:, :2] += rng.uniform(-1.0, 1.0, (len(single), 2)) * boxes[:, 2:]
    found = [(single, boxes, rng.uniform(0.05, 0.6, len(single)), classes[model])]
    for start in np.repeat(frames, rng.poisson(how.ghosts / fps, len(frames))):
        span = frames[(frames >= start) & (frames < start + max(1.0, rng.exponential(how.ghost_seconds * fps)))]
        span = span[rng.random(len(span)) < 0.7]
        one = int(rng.integers(len(truth)))
        box = truth.boxes[one].copy()
        box[:2] += rng.uniform(-1.0, 1.0, 2) * box[2:]
        where = _jittered(np.repeat(box[None], len(span), axis=0), np.ones(len(span)), rng, how)
        score = np.clip(rng.uniform(0.3, 0.8) + rng.normal(0.0, how.score_noise, len(span)), 0.02, 0.99)
        found.append((span, where, score, np.full(len(span), classes[one])))
    return found
