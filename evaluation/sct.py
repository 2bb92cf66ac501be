"""Single-camera tracking against a truth, camera by camera and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from evaluation.boxes import EPSILON, Boxes, pictures
from evaluation.charts import bars_chart, hota_chart
from evaluation.clear import ClearScore, clear_score
from evaluation.hota import HotaScore, hota_score
from evaluation.identity import IdentityScore, identity_score
from evaluation.report import Block, Report, Table
from throughline.formats.mot import MotRow

__all__ = ["SctReport", "SctTruth", "TrackingScore", "evaluate_sct", "mot_boxes", "without_ignored"]


@dataclass(frozen=True, slots=True)
class SctTruth:
    """What one camera showed.

    Attributes:
        boxes: True boxes.
        ignored: (N,) bool, boxes that need not be found and, found, are no error.
    """

    boxes: Boxes
    ignored: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.ignored.shape != (len(self.boxes),):
            raise ValueError(f"expected ignored ({len(self.boxes)},), found {self.ignored.shape}")

    @classmethod
    def of_rows(cls, rows: Sequence[MotRow]) -> SctTruth:
        """Of MOT rows; the seventh number is 0 where a box is to be ignored, as in the MOTChallenge."""
        return cls(mot_boxes(rows), np.array([row.confidence == 0.0 for row in rows], np.bool_))


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """How well the vehicles of one camera, or of several, were followed.

    Adding scores gives that of all their cameras together: boxes and tracks count alike, wherever they are.
    """

    hota: HotaScore
    clear: ClearScore
    identity: IdentityScore

    def __add__(self, other: TrackingScore) -> TrackingScore:
        return TrackingScore(self.hota + other.hota, self.clear + other.clear, self.identity + other.identity)

    def to_json(self) -> dict[str, float | int]:
        """Plain numbers; measures lie in 0..1, except MOTA, which has no lower bound."""
        hota, clear, identity = self.hota, self.clear, self.identity
        return {
            "hota": hota.mean_hota,
            "det_a": hota.mean_det_a,
            "ass_a": hota.mean_ass_a,
            "idf1": identity.f1,
            "idp": identity.precision,
            "idr": identity.recall,
            "mota": clear.mota,
            "motp": clear.motp,
            "fp": clear.false_positives,
            "fn": clear.false_negatives,
            "idsw": clear.id_switches,
            "frag": clear.fragmentations,
            "mt": clear.mostly_tracked,
            "ml": clear.mostly_lost,
            "true_boxes": clear.true_positives + clear.false_negatives,
            "true_tracks": clear.mostly_tracked + clear.partly_tracked + clear.mostly_lost,
        }


_COLUMNS = {
    "hota": "HOTA",
    "det_a": "DetA",
    "ass_a": "AssA",
    "idf1": "IDF1",
    "idp": "IDP",
    "idr": "IDR",
    "mota": "MOTA",
    "motp": "MOTP",
    "fp": "FP",
    "fn": "FN",
    "idsw": "IDSW",
    "frag": "Frag",
    "mt": "MT",
    "ml": "ML",
}


@dataclass(frozen=True, slots=True)
class SctReport:
    """How well vehicles were followed within cameras.

    Attributes:
        combined: All cameras together.
        by_camera: Each camera alone, by its name.
        without_result: Cameras of the truth that have no result; they count as empty results.
    """

    combined: TrackingScore
    by_camera: dict[str, TrackingScore]
    without_result: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Plain numbers, for one JSON object."""
        return {
            **self.combined.to_json(),
            "without_result": list(self.without_result),
            "cameras": {camera: score.to_json() for camera, score in self.by_camera.items()},
        }

    def to_markdown(self) -> str:
        """A table for people."""
        return self.to_report().to_markdown()

    def to_report(self, title: str = "Single-camera tracking") -> Report:
        """The report for people, with plots."""
        rows = [("all cameras", self.combined), *((f"camera {camera}", score) for camera, score in self.by_camera.items())]
        total = self.combined.to_json()
        opening: list[Block] = [
            f"The truth has {total['true_boxes']} boxes of {total['true_tracks']} tracks.",
            Table(("", *_COLUMNS.values()), [(name, *(score.to_json()[key] for key in _COLUMNS)) for name, score in rows]),
        ]
        if self.without_result:
            opening.append(f"Without a result, counted as empty: {', '.join(self.without_result)}.")
        bars = bars_chart("hota-by-camera", "HOTA", {name: score.hota.mean_hota for name, score in rows[1:]})
        return Report(title, opening, [("By camera", [bars]), ("Over overlaps", [hota_chart(self.combined.hota)])])


def mot_boxes(rows: Sequence[MotRow]) -> Boxes:
    """MOT rows as arrays."""
    return Boxes(
        np.array([row.frame for row in rows], np.int64),
        np.array([row.id for row in rows], np.int64),
        np.array([(row.x, row.y, row.width, row.height) for row in rows], np.float64).reshape(-1, 4),
    )


def evaluate_sct(truth: Mapping[str, SctTruth], result: Mapping[str, Boxes], *, least_height: float = 0.0) -> SctReport:
    """Scores a result, without what `without_ignored` takes out.

    Args:
        truth: What each camera showed.
        result: What was found; a camera that is not there found nothing.
        least_height: Pixels; see `without_ignored`.

    Raises:
        ValueError: there is no truth at all or none for a result, or an id has two boxes in one frame of a camera.
    """
    if not truth:
        raise ValueError("there is no truth to score against")
    strangers = sorted(set(result) - set(truth))
    if strangers:
        raise ValueError(f"results without a truth: {', '.join(strangers)}; the truth has {', '.join(truth)}")
    by_camera = {}
    for camera, there in truth.items():
        true, found = without_ignored(there, result.get(camera, mot_boxes([])), least_height=least_height)
        try:
            shown = tuple(pictures(true, found))
            by_camera[camera] = TrackingScore(
                hota_score(true, found, shown), clear_score(true, found, shown=shown), identity_score(true, found, shown=shown)
            )
        except ValueError as error:
            raise ValueError(f"camera {camera}: {error}") from error
    missing = tuple(camera for camera in truth if camera not in result)
    return SctReport(reduce(add, by_camera.values()), by_camera, missing)


def without_ignored(truth: SctTruth, result: Boxes, *, least_height: float = 0.0, iou: float = 0.5) -> tuple[Boxes, Boxes]:
    """Truth and result of one camera without what counts neither way.

    In each picture all true boxes are matched one to one to all found ones, those that overlap by at least ``iou``, so
    that the sum of overlaps is greatest. Taken out are ignored true boxes, those less high than ``least_height``, and
    found boxes matched to either; and found boxes less high than ``least_height`` that no other true box is matched to.
    """
    ignored = truth.ignored | (truth.boxes.boxes[:, 3] < least_height)
    removed = result.boxes[:, 3] < least_height
    if ignored.any() or removed.any():
        for picture in pictures(truth.boxes, result):
            worth = np.where(picture.iou >= iou - EPSILON, picture.iou, 0.0)
            rows, columns = linear_sum_assignment(worth, maximize=True)
            matched = worth[rows, columns] > 0.0
            removed[picture.found[columns[matched]]] = ignored[picture.true[rows[matched]]]
    return truth.boxes.where(~ignored), result.where(~removed)
