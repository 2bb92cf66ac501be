"""What `throughline evaluate detect` tells: average precision without types, by type and by height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.charts import precision_recall_chart
from evaluation.detection import HEIGHTS, OVERLAPS, RECALLS, DetectionScore, LabelledBoxes, score_detections
from evaluation.report import Block, Cell, Picture, Report, Table
from throughline.types import VEHICLE_TYPES, Detections

__all__ = ["DetectionReport", "evaluate_detections"]

_HEADER = ("boxes", "AP50", "AP75", "AP50-95", "recall", "best F1", "precision there", "recall there", "at score")


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """How well a detector finds vehicles.

    Attributes:
        folder: Name of the set.
        model: Name and hash of the detector.
        pictures: How many, and how many of them have no file of labels.
        score: Whatever the types.
        types: By type, of those that the set has; a vehicle of unknown type counts in none.
        heights: By height of the true box, whatever the types.
    """

    folder: str
    model: tuple[str, str]
    pictures: tuple[int, int]
    score: DetectionScore
    types: Mapping[str, DetectionScore]
    heights: Mapping[str, DetectionScore]

    def to_json(self) -> dict[str, object]:
        """Plain numbers, for one JSON object."""
        known = [score.ap50 for score in self.types.values()]
        return {
            "folder": self.folder,
            "model": {"name": self.model[0], "hash": self.model[1]},
            "pictures": self.pictures[0],
            "pictures_without_labels": self.pictures[1],
            **self.score.to_json(),
            "mean_ap50_of_types": sum(known) / len(known) if known else None,
            "types": {name: score.to_json() for name, score in self.types.items()},
            "heights": {name: score.to_json() for name, score in self.heights.items()},
        }

    def to_report(self, sheets: Sequence[tuple[str, Sequence[Picture]]] = ()) -> Report:
        """The report for people, with pictures to look at, by heading."""
        opening: list[Block] = [
            f"Set {self.folder}: {self.pictures[0]} pictures with {self.score.true_boxes} vehicles"
            + (f"; {self.pictures[1]} pictures have no file of labels and count as empty." if self.pictures[1] else "."),
            f"Model: {self.model[0]} ({self.model[1]}).",
            Table(("", *_HEADER), [("all vehicles, whatever their type", *_row(self.score))]),
        ]
        sections: list[tuple[str, Sequence[Block]]] = []
        if self.types:
            rows = [(name, *_row(score)) for name, score in self.types.items()]
            sections.append(("By type", [Table(("type", *_HEADER), rows)]))
        rows = [(name, *_row(score)) for name, score in self.heights.items()]
        sections.append(("By height of the box in the picture", [Table(("height", *_HEADER), rows)]))
        if self.score.true_boxes:
            curves = {
                f"overlap {overlap:g}": (RECALLS, self.score.curves[OVERLAPS.index(overlap)]) for overlap in (0.5, 0.75, 0.9)
            }
            sections.append(("Precision and recall", [precision_recall_chart(curves)]))
        return Report(f"Detection: {self.folder}", opening, [*sections, *sheets])

    def to_markdown(self) -> str:
        """The report for people, without pictures."""
        return self.to_report().to_markdown()


def evaluate_detections(
    folder: str,
    model: tuple[str, str],
    truth: Sequence[LabelledBoxes],
    found: Sequence[Detections],
    *,
    without_labels: int = 0,
) -> DetectionReport:
    """Scores a detector in all ways that the report tells.

    Args:
        folder: Name of the set.
        model: Name and hash of the detector.
        truth: What each picture shows.
        found: What was found in each, in the same order.
        without_labels: How many pictures have no file of labels.
    """
    there = {kind for one in truth for kind in one.classes.tolist()}
    return DetectionReport(
        folder,
        model,
        (len(truth), without_labels),
        score_detections(truth, found),
        {
            name: score_detections(truth, found, kind=kind)
            for kind, name in enumerate(VEHICLE_TYPES)
            if kind in there and name != "vehicle"
        },
        {_range(*heights): score_detections(truth, found, heights=heights) for heights in HEIGHTS},
    )


def _range(least: float, below: float) -> str:
    if least == 0.0:
        return f"below {below:g} px"
    return f"{least:g} px and more" if below == float("inf") else f"{least:g} to {below:g} px"


def _row(score: DetectionScore) -> tuple[Cell, ...]:
    return (
        score.true_boxes,
        score.ap50,
        score.ap75,
        score.ap,
        score.recall,
        score.best_f1,
        score.best_precision,
        score.best_recall,
        score.confidence,
    )
