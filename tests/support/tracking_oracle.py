"""TrackEval as the oracle of our tracking metrics, and random sequences to compare them on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import trackeval  # type: ignore[import-untyped]  # no stubs
from trackeval.datasets._base_dataset import _BaseDataset  # type: ignore[import-untyped]  # no stubs
from trackeval.metrics import CLEAR, HOTA, Identity  # type: ignore[import-untyped]  # no stubs

from evaluation.boxes import Boxes

HOTA_FIELDS = {
    "HOTA": "hota",
    "DetA": "det_a",
    "AssA": "ass_a",
    "DetRe": "det_re",
    "DetPr": "det_pr",
    "AssRe": "ass_re",
    "AssPr": "ass_pr",
    "LocA": "loc_a",
    "HOTA_TP": "true_positives",
    "HOTA_FN": "false_negatives",
    "HOTA_FP": "false_positives",
}
CLEAR_FIELDS = {
    "MOTA": "mota",
    "MOTP": "motp",
    "CLR_Re": "recall",
    "CLR_Pr": "precision",
    "CLR_TP": "true_positives",
    "CLR_FN": "false_negatives",
    "CLR_FP": "false_positives",
    "IDSW": "id_switches",
    "Frag": "fragmentations",
    "MT": "mostly_tracked",
    "PT": "partly_tracked",
    "ML": "mostly_lost",
}
IDENTITY_FIELDS = {
    "IDF1": "f1",
    "IDP": "precision",
    "IDR": "recall",
    "IDTP": "true_positives",
    "IDFN": "false_negatives",
    "IDFP": "false_positives",
}
QUIET = {"PRINT_CONFIG": False}
FIELDS = {"HOTA": HOTA_FIELDS, "CLEAR": CLEAR_FIELDS, "Identity": IDENTITY_FIELDS}


class Oracle:
    """TrackEval's measures of sequences in memory."""

    def __init__(self) -> None:
        self._metrics = {"HOTA": HOTA(), "CLEAR": CLEAR(QUIET), "Identity": Identity(QUIET)}

    def sequence(self, truth: Boxes, result: Boxes) -> dict[str, dict[str, Any]]:
        """By metric, then by field."""
        data = _data(truth, result)
        return {name: metric.eval_sequence(data) for name, metric in self._metrics.items()}

    def combined(self, sequences: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Of several sequences together."""
        return {
            name: metric.combine_sequences({key: value[name] for key, value in sequences.items()})
            for name, metric in self._metrics.items()
        }


def mot_challenge(truth: Path, trackers: Path, lengths: Mapping[str, int]) -> dict[str, Any]:
    """TrackEval's measures of files, by tracker, sequence (also ``COMBINED_SEQ``), class, metric and field.

    Args:
        truth: Folder of ``<sequence>/gt/gt.txt``.
        trackers: Folder of ``<tracker>/data/<sequence>.txt``.
        lengths: Sequences, and how many frames each has.
    """
    silent = dict.fromkeys(("PRINT_RESULTS", "TIME_PROGRESS", "OUTPUT_SUMMARY", "OUTPUT_DETAILED", "PLOT_CURVES"), False)
    evaluator = trackeval.Evaluator({**QUIET, **silent, "BREAK_ON_ERROR": True, "LOG_ON_ERROR": None})
    folders = {"GT_FOLDER": str(truth), "TRACKERS_FOLDER": str(trackers), "SKIP_SPLIT_FOL": True, "SEQ_INFO": dict(lengths)}
    sequences = trackeval.datasets.MotChallenge2DBox({**QUIET, **folders})
    results, _ = evaluator.evaluate([sequences], [HOTA(), CLEAR(QUIET), Identity(QUIET)])
    found: dict[str, Any] = results["MotChallenge2DBox"]
    return found


def assert_equal(score: object, expected: Mapping[str, Any], metric: str) -> None:
    """Each field of a score of ours against the oracle's."""
    for theirs, ours in FIELDS[metric].items():
        np.testing.assert_allclose(getattr(score, ours), expected[theirs], rtol=0, atol=1e-6, err_msg=f"{metric} {theirs}")


def random_sequence(seed: int, *, grid: bool = False, frames: int = 30, vehicles: int = 6) -> tuple[Boxes, Boxes]:
    """Truth and a faulty result: noise, misses, ghosts, swapped and broken identities, frames that either leaves empty.

    Args:
        seed: Of everything drawn.
        grid: Sides are few multiples of one step: many overlaps are equal, or equal to a threshold but for rounding.
        frames: How many.
        vehicles: How many at most.
    """
    rng = np.random.default_rng(seed)
    step = 4.9 if grid else 1e-3
    names = rng.permutation(1000)[: 4 * vehicles]
    true: list[tuple[float, ...]] = []
    found: list[tuple[float, ...]] = []
    track = {vehicle: int(names[vehicle]) for vehicle in range(vehicles)}
    place = rng.uniform(0, 80, (vehicles, 2))
    size = rng.choice([3, 4, 6], (vehicles, 2)) * step if grid else rng.uniform(10, 30, (vehicles, 2))
    span = np.sort(rng.integers(1, frames + 1, (vehicles, 2)))
    for frame in range(1, frames + 1):
        place += rng.normal(0, 2, place.shape)
        if rng.random() < 0.1:
            first, second = rng.integers(0, vehicles, 2)
            track[first], track[second] = track[second], track[first]
        if rng.random() < 0.1:
            track[int(rng.integers(vehicles))] = int(rng.choice(names))
        no_truth, no_result = rng.random(2) < 0.1
        used: set[int] = set()
        for vehicle in rng.permutation(vehicles):
            box = np.round(np.concatenate((place[vehicle], size[vehicle])) / step) * step
            if span[vehicle, 0] <= frame <= span[vehicle, 1] and not no_truth:
                true.append((frame, vehicle, *box))
            noise = rng.choice([0, 0, 0, 1, 2], 4) * [step, step, 0, 0] if grid else rng.normal(0, 2, 4)
            seen = rng.random() < (0.9 if span[vehicle, 0] <= frame <= span[vehicle, 1] else 0.1)
            seen = seen and not no_result and track[vehicle] not in used
            if seen:
                used.add(track[vehicle])
                found.append((frame, track[vehicle], *(box + noise)))
        if rng.random() < 0.3 and not no_result:
            found.append((frame, 2000 + int(rng.integers(3)), *rng.uniform(0, 60, 2), *rng.uniform(10, 30, 2)))
    return boxes(true), boxes(found)


def boxes(rows: list[tuple[float, ...]]) -> Boxes:
    """Boxes of rows (frame, id, x, y, width, height)."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Boxes(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:])


def _data(truth: Boxes, result: Boxes) -> dict[str, Any]:
    """The dictionary that TrackEval's data sets make of a sequence."""
    true_ids, true_numbers = np.unique(truth.ids, return_inverse=True)
    found_ids, found_numbers = np.unique(result.ids, return_inverse=True)
    frames = range(1, max([0, *truth.frames.tolist(), *result.frames.tolist()]) + 1)
    here, there = [truth.frames == frame for frame in frames], [result.frames == frame for frame in frames]
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(true_ids),
        "num_tracker_ids": len(found_ids),
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(result),
        "gt_ids": [true_numbers[mask] for mask in here],
        "tracker_ids": [found_numbers[mask] for mask in there],
        "similarity_scores": [
            _BaseDataset._calculate_box_ious(truth.boxes[mine], result.boxes[theirs])
            for mine, theirs in zip(here, there, strict=True)
        ],
    }
