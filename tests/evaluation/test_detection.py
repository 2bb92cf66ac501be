"""Detection's measures by hand, and against COCO's own evaluation."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence

import numpy as np
import pytest

# COCO's reference evaluation; it has no types, and comes with the peers of the tracker.
from pycocotools.coco import COCO  # type: ignore[import-untyped]
from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]

from evaluation.detection import HEIGHTS, OVERLAPS, LabelledBoxes, score_detections
from throughline.types import Detections

CAR, TRUCK, UNKNOWN = 0, 3, 4


def truth(*boxes: tuple[float, float, float, float, int], ignored: Sequence[Sequence[float]] = ()) -> LabelledBoxes:
    """One picture's vehicles: corners and class of each."""
    rows = np.array(boxes, np.float64).reshape(-1, 5)
    return LabelledBoxes(rows[:, :4], rows[:, 4].astype(np.int64), np.array(ignored, np.float64).reshape(-1, 4))


def found(*boxes: tuple[float, float, float, float, int, float]) -> Detections:
    """What was found in one picture: corners, class and score of each."""
    rows = np.array(boxes, np.float32).reshape(-1, 6)
    return Detections(rows[:, :4], rows[:, 5], rows[:, 4].astype(np.int64))


def test_all_found_and_nothing_else_is_perfect() -> None:
    score = score_detections([truth((0, 0, 20, 20, CAR))], [found((0, 0, 20, 20, CAR, 0.6))])
    assert (score.ap50, score.ap75, score.ap) == (1.0, 1.0, 1.0)
    assert (score.recall, score.best_f1) == (1.0, 1.0)
    assert score.confidence == pytest.approx(0.6)


def test_a_looser_box_counts_at_the_lower_overlaps_only() -> None:
    score = score_detections([truth((0, 0, 100, 100, CAR))], [found((0, 0, 100, 72, CAR, 0.6))])  # overlap 0.72
    assert score.precisions.tolist() == [1.0] * 5 + [0.0] * 5
    assert (score.ap50, score.ap75, score.ap) == (1.0, 0.0, 0.5)


def test_a_second_box_on_one_vehicle_is_wrong() -> None:
    seen = found((0, 0, 20, 20, CAR, 0.9), (0, 0, 20, 19, CAR, 0.8), (50, 0, 70, 20, CAR, 0.7))
    score = score_detections([truth((0, 0, 20, 20, CAR), (50, 0, 70, 20, CAR))], [seen])
    assert score.ap50 == pytest.approx((51 * 1.0 + 50 * 2 / 3) / 101)
    assert score.curves[0].tolist() == pytest.approx([1.0] * 51 + [2 / 3] * 50)
    assert score.best_recall == 1.0
    assert score.best_precision == pytest.approx(2 / 3)
    assert score.confidence == pytest.approx(0.7)


def test_types_matter_only_where_they_are_asked_for() -> None:
    there, seen = [truth((0, 0, 20, 20, CAR))], [found((0, 0, 20, 20, TRUCK, 0.9))]
    assert score_detections(there, seen).ap50 == 1.0
    assert score_detections(there, seen, kind=CAR).ap50 == 0.0
    assert math.isnan(score_detections(there, seen, kind=TRUCK).ap50)
    assert score_detections(there, seen, kind=TRUCK).to_json()["ap50"] is None


def test_a_vehicle_of_unknown_type_counts_neither_way_by_type() -> None:
    there = [truth((0, 0, 20, 20, UNKNOWN), (50, 0, 70, 20, CAR))]
    seen = [found((0, 0, 20, 20, CAR, 0.9), (50, 0, 70, 20, CAR, 0.8))]
    score = score_detections(there, seen, kind=CAR)
    assert (score.true_boxes, score.ap50, score.best_precision) == (1, 1.0, 1.0)
    assert score_detections(there, seen).true_boxes == 2
    assert score_detections(there, seen, kind=UNKNOWN).true_boxes == 1


def test_what_lies_in_an_ignored_part_counts_neither_way_unless_it_is_right() -> None:
    there = [truth((50, 0, 70, 20, CAR), ignored=[(0, 0, 100, 100)])]
    seen = [found((10, 10, 30, 30, CAR, 0.9), (50, 0, 70, 20, CAR, 0.8))]
    score = score_detections(there, seen)
    assert (score.true_boxes, score.ap50, score.best_precision) == (1, 1.0, 1.0)
    assert score_detections([truth((50, 0, 70, 20, CAR))], seen).ap50 == pytest.approx(0.5)


def test_by_height_others_count_neither_way() -> None:
    there = [truth((0, 0, 20, 10, CAR), (50, 0, 90, 40, CAR))]
    seen = [found((0, 0, 20, 10, CAR, 0.9), (50, 0, 90, 40, CAR, 0.8), (200, 0, 220, 10, CAR, 0.7), (300, 0, 340, 40, CAR, 0.9))]
    low, _, high = (score_detections(there, seen, heights=heights) for heights in HEIGHTS)
    assert (low.true_boxes, low.ap50) == (1, 1.0)
    assert high.true_boxes == 1
    assert high.ap50 == pytest.approx(0.5)


def test_nothing_found_and_nothing_there() -> None:
    missed = score_detections([truth((0, 0, 20, 20, CAR))], [found()])
    assert (missed.ap, missed.recall, missed.best_f1) == (0.0, 0.0, 0.0)
    assert math.isnan(score_detections([truth()], [found((0, 0, 9, 9, CAR, 0.5))]).ap)
    assert math.isnan(score_detections([], []).ap)
    with pytest.raises(ValueError, match="in each of 1 pictures, found 0"):
        score_detections([truth()], [])
    with pytest.raises(ValueError, match="expected boxes"):
        LabelledBoxes(np.zeros((1, 4)), np.zeros(2, np.int64), np.zeros((0, 4)))


def random_picture(rng: np.random.Generator, *, regions: int) -> tuple[LabelledBoxes, Detections]:
    """Vehicles, detections near some of them and elsewhere, and parts that are not labelled."""
    corner, size = rng.uniform(0, 400, (12, 2)), rng.uniform(5, 60, (12, 2))
    boxes = np.round(np.concatenate([corner, corner + size], axis=1))
    classes = rng.integers(0, 4, 12)
    shown = rng.integers(0, 12, 20)
    near = boxes[shown] + rng.normal(0, 2, (20, 4))
    far = np.concatenate([corner, corner + size[::-1]], axis=1)[:6] + rng.normal(0, 30, (6, 4))
    seen = np.concatenate([near, far])
    seen[:, 2:] = np.maximum(seen[:, 2:], seen[:, :2] + 1)
    guesses = rng.integers(0, 4, 26)
    kinds = np.where(rng.random(26) < 0.8, np.concatenate([classes[shown], guesses[20:]]), guesses)
    scores = rng.permutation(26) / 26 + rng.random() / 100
    apart = np.concatenate([corner, corner + 80], axis=1)[:regions] + 200
    return LabelledBoxes(boxes, classes, apart), Detections(seen.astype(np.float32), scores.astype(np.float32), kinds)


def coco(pictures: Sequence[tuple[LabelledBoxes, Detections]], *, types: bool, heights: tuple[float, float]) -> np.ndarray:
    """COCO's own precisions, (10, 101, classes); a box's height stands in for its area."""

    def row(box: np.ndarray, **more: object) -> dict[str, object]:
        x1, y1, x2, y2 = (float(value) for value in box)
        return {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": y2 - y1, **more}

    true, seen = [], []
    for image, (there, result) in enumerate(pictures, 1):
        for box, kind in zip(there.boxes, there.classes.tolist(), strict=True):
            true.append(row(box, category_id=kind + 1, image_id=image, iscrowd=0))
        for box in there.ignored:
            true += [row(box, category_id=kind, image_id=image, iscrowd=1) for kind in range(1, 5 if types else 2)]
        for box, kind, score in zip(result.boxes, result.classes.tolist(), result.scores.tolist(), strict=True):
            seen.append(row(box, category_id=kind + 1, image_id=image, score=score, iscrowd=0))
    sets = []
    for rows in (true, seen):
        one = COCO()
        one.dataset = {
            "images": [{"id": image} for image in range(1, len(pictures) + 1)],
            "categories": [{"id": kind} for kind in range(1, 5)],
            "annotations": [{**content, "id": number} for number, content in enumerate(rows, 1)],
        }
        one.createIndex()
        sets.append(one)
    judge = COCOeval(*sets, "bbox")
    judge.params.useCats = int(types)
    judge.params.areaRng, judge.params.areaRngLbl = [list(heights)], ["these"]
    judge.params.maxDets = [100]
    judge.evaluate()
    judge.accumulate()
    return np.asarray(judge.eval["precision"][:, :, :, 0, 0])


@pytest.mark.parametrize("regions", [0, 2])
@pytest.mark.parametrize("heights", [(0.0, np.inf), (16.0, 32.0)])
@pytest.mark.parametrize("types", [True, False])
def test_equal_to_cocos_own_evaluation(types: bool, heights: tuple[float, float], regions: int) -> None:
    rng = np.random.default_rng(20)
    pictures = [random_picture(rng, regions=regions) for _ in range(6)]
    with contextlib.redirect_stdout(io.StringIO()):
        # Its upper bound is inclusive, ours is not.
        expected = coco(pictures, types=types, heights=(heights[0], min(heights[1] - 1e-6, 1e10)))
    there, seen = [one for one, _ in pictures], [one for _, one in pictures]
    for kind in range(4) if types else (None,):
        score = score_detections(there, seen, kind=kind, heights=heights)
        reference = expected[:, :, 0 if kind is None else kind].mean(axis=1)
        assert score.precisions.tolist() == pytest.approx(reference.tolist(), abs=1e-9)
    assert len(OVERLAPS) == expected.shape[0]
    assert 0.05 < expected.mean() < 0.95, "a case that tells nothing"
