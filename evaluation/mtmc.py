"""Multi-camera tracking against a truth, both as AI City rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evaluation.boxes import Boxes, pictures
from evaluation.charts import bars_chart, hota_chart
from evaluation.hota import HotaScore, hota_score
from evaluation.identity import IdentityScore, identity_score, overlapping
from evaluation.mtmc_filters import MtmcFilters, filtered, to_boxes
from evaluation.pairs import PairScore, pair_score
from evaluation.report import Block, Report, Table
from throughline.formats.aicity import AiCityRow

__all__ = ["MtmcReport", "evaluate_mtmc", "to_boxes", "true_vehicles"]

_NOTHING_LEFT_OUT = MtmcFilters()


@dataclass(frozen=True, slots=True)
class MtmcReport:
    """How well vehicles were followed across cameras.

    Attributes:
        identity: Over all cameras together (the AI City Challenge's measure).
        by_camera: The same for each camera number alone.
        pairs: Of single-camera tracks, those put together; a track is what has one id in one camera.
        true_vehicles: Identities in the truth.
        found_vehicles: Identities in the result.
        hota: Over all cameras together, an identity being one track through the pictures of all of them.
        left_out: True and found boxes that were left out, by reason.
    """

    identity: IdentityScore
    by_camera: dict[int, IdentityScore]
    pairs: PairScore
    true_vehicles: int
    found_vehicles: int
    hota: HotaScore
    left_out: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Plain numbers, for one JSON object."""
        return {
            "idf1": self.identity.f1,
            "idp": self.identity.precision,
            "idr": self.identity.recall,
            "idtp": self.identity.true_positives,
            "idfp": self.identity.false_positives,
            "idfn": self.identity.false_negatives,
            "hota": self.hota.mean_hota,
            "det_a": self.hota.mean_det_a,
            "ass_a": self.hota.mean_ass_a,
            "loc_a": self.hota.mean_loc_a,
            "pair_f1": self.pairs.f1,
            "pair_precision": self.pairs.precision,
            "pair_recall": self.pairs.recall,
            "true_vehicles": self.true_vehicles,
            "found_vehicles": self.found_vehicles,
            "left_out": {reason: {"true": true, "found": found} for reason, (true, found) in self.left_out.items()},
            "cameras": {
                str(camera): {"idf1": score.f1, "idp": score.precision, "idr": score.recall}
                for camera, score in self.by_camera.items()
            },
        }

    def to_markdown(self) -> str:
        """Tables for people."""
        return self.to_report().to_markdown()

    def to_report(self, title: str = "Multi-camera tracking") -> Report:
        """The report for people, with plots."""
        hota, pairs = self.hota, self.pairs
        header = ("", "IDF1", "IDP", "IDR")
        rows = [(name, score.f1, score.precision, score.recall) for name, score in self._parts()]
        opening: list[Block] = [
            f"Vehicles: {self.true_vehicles} in the truth, {self.found_vehicles} in the result.",
            Table(header, rows[:1]),
            Table(
                ("", "HOTA", "DetA", "AssA", "LocA"),
                [("all cameras", hota.mean_hota, hota.mean_det_a, hota.mean_ass_a, hota.mean_loc_a)],
            ),
            Table(("", "F1", "precision", "recall"), [("pairs of tracks", pairs.f1, pairs.precision, pairs.recall)]),
        ]
        if any(true or found for true, found in self.left_out.values()):
            left_out = [(reason, true, found) for reason, (true, found) in self.left_out.items()]
            opening.append(Table(("left out", "true boxes", "found boxes"), left_out))
        bars = bars_chart("idf1-by-camera", "IDF1", {name: score.f1 for name, score in self._parts()[1:]})
        sections: list[tuple[str, Sequence[Block]]] = [("By camera", [Table(header, rows[1:]), bars])]
        return Report(title, opening, [*sections, ("Over overlaps", [hota_chart(hota)])])

    def _parts(self) -> list[tuple[str, IdentityScore]]:
        return [("all cameras", self.identity), *((f"camera {camera}", score) for camera, score in self.by_camera.items())]


def evaluate_mtmc(
    truth: Sequence[AiCityRow], result: Sequence[AiCityRow], *, iou: float = 0.5, filters: MtmcFilters = _NOTHING_LEFT_OUT
) -> MtmcReport:
    """Scores a result.

    For HOTA a box of an identity that has another one in the same picture of the result counts as an identity of its own.

    Args:
        truth: What was there.
        result: What was found.
        iou: Least intersection over union of two boxes of one vehicle, for all but HOTA.
        filters: What is left out of both first.

    Raises:
        ValueError: an id of the truth has two boxes in one picture.
    """
    truth, result, left_out = filtered(truth, result, filters)
    true_boxes, found_boxes = to_boxes(truth), to_boxes(result)
    shown = tuple(pictures(true_boxes, found_boxes))
    cameras = sorted({row.camera for row in truth} | {row.camera for row in result})
    true_camera, found_camera = (np.array([row.camera for row in rows], np.int64) for rows in (truth, result))
    by_camera = {
        camera: identity_score(true_boxes.where(true_camera == camera), found_boxes.where(found_camera == camera), iou=iou)
        for camera in cameras
    }
    found = {(row.camera, row.id): row.id for row in result}
    vehicles = true_vehicles(truth, result, iou=iou)
    return MtmcReport(
        identity_score(true_boxes, found_boxes, iou=iou, shown=shown),
        by_camera,
        pair_score(vehicles, found),
        len({row.id for row in truth}),
        len({row.id for row in result}),
        hota_score(true_boxes, _apart(found_boxes), shown),
        left_out,
    )


def true_vehicles(truth: Sequence[AiCityRow], tracks: Sequence[AiCityRow], *, iou: float = 0.5) -> dict[tuple[int, int], int]:
    """True vehicle of each track (camera, id): the one that most of its boxes overlap; tracks that overlap none are left out."""
    votes: dict[tuple[int, int], Counter[int]] = {}
    for here, there in zip(*overlapping(to_boxes(truth), to_boxes(tracks), iou=iou), strict=True):
        row = tracks[there]
        votes.setdefault((row.camera, row.id), Counter())[truth[here].id] += 1
    return {track: min(counts, key=lambda vehicle: (-counts[vehicle], vehicle)) for track, counts in votes.items()}


def _apart(boxes: Boxes) -> Boxes:
    """The same, with ids of their own for an identity's second and further boxes in one picture."""
    order = np.lexsort((np.arange(len(boxes)), boxes.ids, boxes.frames))
    frames, ids = boxes.frames[order], boxes.ids[order]
    again = order[1:][(frames[1:] == frames[:-1]) & (ids[1:] == ids[:-1])]
    if not len(again):
        return boxes
    own = boxes.ids.copy()
    own[again] = boxes.ids.max() + 1 + np.arange(len(again))
    return Boxes(boxes.frames, own, boxes.boxes)
