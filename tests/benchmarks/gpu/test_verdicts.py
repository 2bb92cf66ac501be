from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gpu.sections._verdicts import judge_detections, judge_vectors, least_cosine
from throughline.types import Detections, FloatArray


def found(*boxes: tuple[float, float, float, float], score: float = 0.8) -> Detections:
    count = len(boxes)
    return Detections(np.array(boxes, np.float32).reshape(count, 4), np.full(count, score, np.float32), np.zeros(count, np.int64))


A, B = (0.0, 0.0, 100.0, 100.0), (200.0, 0.0, 300.0, 100.0)


def test_what_both_find_is_right() -> None:
    verdict = judge_detections([found(A, B)], [found(B, (2.0, 0.0, 101.0, 100.0))], "float32")
    assert verdict.reason == ""
    assert verdict.figures["found by both"] == 1.0


@pytest.mark.parametrize("expected_more", [True, False])
def test_what_one_misses_is_wrong_whichever_it_is(expected_more: bool) -> None:
    sides = [[found(A, B)], [found(A)]]
    expected, other = sides if expected_more else sides[::-1]
    verdict = judge_detections(expected, other, "float16")
    assert "0.500 of the sure vehicles" in verdict.reason


def test_what_finds_nothing_where_there_is_something_is_wrong() -> None:
    assert judge_detections([found(A)], [found()], "int8").reason
    assert judge_detections([found()], [found()], "float32").reason == ""


def test_vectors_of_another_direction_shape_or_no_numbers_are_wrong() -> None:
    vectors: FloatArray = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    broken = vectors.copy()
    broken[2, 3] = np.nan
    assert judge_vectors(vectors, 2 * vectors, "float32").reason == ""
    assert judge_vectors(vectors, vectors[::-1], "int8").reason
    assert judge_vectors(vectors, broken, "int8").reason
    assert least_cosine(vectors, vectors[:3]) == -1.0
