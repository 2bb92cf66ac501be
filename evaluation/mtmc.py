"""Multi-camera tracking against a truth, both as AI City rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.boxes import Boxes
from evaluation.identity import IdentityScore, identity_score, overlapping
from evaluation.pairs import PairScore, pair_score
from throughline.formats.aicity import AiCityRow

__all__ = ["MtmcReport", "evaluate_mtmc", "to_boxes", "true_vehicles"]

_FRAMES = 1 << 40


@dataclass(frozen=True, slots=True)
class MtmcReport:
    """How well vehicles were followed across cameras.

    Attributes:
        identity: Over all cameras together (the AI City Challenge's measure).
        by_camera: The same for each camera number alone.
        pairs: Of single-camera tracks, those put together; a track is what has one id in one camera.
        true_vehicles: Identities in the truth.
        found_vehicles: Identities in the result.
    """

    identity: IdentityScore
    by_camera: dict[int, IdentityScore]
    pairs: PairScore
    true_vehicles: int
    found_vehicles: int

    def to_json(self) -> dict[str, object]:
        """Plain numbers, for one JSON object."""
        return {
            "idf1": self.identity.f1,
            "idp": self.identity.precision,
            "idr": self.identity.recall,
            "idtp": self.identity.true_positives,
            "idfp": self.identity.false_positives,
            "idfn": self.identity.false_negatives,
            "pair_f1": self.pairs.f1,
            "pair_precision": self.pairs.precision,
            "pair_recall": self.pairs.recall,
            "true_vehicles": self.true_vehicles,
            "found_vehicles": self.found_vehicles,
            "cameras": {
                str(camera): {"idf1": score.f1, "idp": score.precision, "idr": score.recall}
                for camera, score in self.by_camera.items()
            },
        }

    def to_markdown(self) -> str:
        """A table for people."""
        lines = ["| | IDF1 | IDP | IDR |", "|---|---|---|---|"]
        rows = [("all cameras", self.identity), *((f"camera {camera}", score) for camera, score in self.by_camera.items())]
        lines += [f"| {name} | {score.f1:.4f} | {score.precision:.4f} | {score.recall:.4f} |" for name, score in rows]
        pairs = self.pairs
        lines += [
            "",
            f"Pairs of tracks: F1 {pairs.f1:.4f}, precision {pairs.precision:.4f}, recall {pairs.recall:.4f}.",
            f"Vehicles: {self.true_vehicles} in the truth, {self.found_vehicles} in the result.",
        ]
        return "\n".join(lines) + "\n"


def evaluate_mtmc(truth: Sequence[AiCityRow], result: Sequence[AiCityRow], *, iou: float = 0.5) -> MtmcReport:
    """Scores a result.

    Args:
        truth: What was there.
        result: What was found.
        iou: Least intersection over union of two boxes of one vehicle.
    """
    true_boxes, found_boxes = to_boxes(truth), to_boxes(result)
    cameras = sorted({row.camera for row in truth} | {row.camera for row in result})
    by_camera = {camera: identity_score(_only(true_boxes, camera), _only(found_boxes, camera), iou=iou) for camera in cameras}
    found = {(row.camera, row.id): row.id for row in result}
    vehicles = true_vehicles(truth, result, iou=iou)
    return MtmcReport(
        identity_score(true_boxes, found_boxes, iou=iou),
        by_camera,
        pair_score(vehicles, found),
        len({row.id for row in truth}),
        len({row.id for row in result}),
    )


def to_boxes(rows: Sequence[AiCityRow]) -> Boxes:
    """Rows as arrays; the camera is part of the frame number."""
    return Boxes(
        np.array([row.camera * _FRAMES + row.frame for row in rows], np.int64).reshape(-1),
        np.array([row.id for row in rows], np.int64).reshape(-1),
        np.array([(row.x, row.y, row.width, row.height) for row in rows], np.float64).reshape(-1, 4),
    )


def true_vehicles(truth: Sequence[AiCityRow], tracks: Sequence[AiCityRow], *, iou: float = 0.5) -> dict[tuple[int, int], int]:
    """True vehicle of each track (camera, id): the one that most of its boxes overlap; tracks that overlap none are left out."""
    votes: dict[tuple[int, int], Counter[int]] = {}
    for here, there in zip(*overlapping(to_boxes(truth), to_boxes(tracks), iou=iou), strict=True):
        row = tracks[there]
        votes.setdefault((row.camera, row.id), Counter())[truth[here].id] += 1
    return {track: min(counts, key=lambda vehicle: (-counts[vehicle], vehicle)) for track, counts in votes.items()}


def _only(boxes: Boxes, camera: int) -> Boxes:
    return boxes.where(boxes.frames // _FRAMES == camera)
