"""HOTA, CLEAR MOT and identity measures against TrackEval."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pytest

from evaluation.boxes import Boxes
from evaluation.clear import clear_score
from evaluation.hota import hota_score
from evaluation.identity import identity_score
from tests.support.tracking_oracle import Oracle, assert_equal, boxes, random_sequence

NOTHING = boxes([])
SCORES = {"HOTA": hota_score, "CLEAR": clear_score, "Identity": identity_score}


def compare(truth: Boxes, result: Boxes) -> None:
    expected = Oracle().sequence(truth, result)
    for metric, score in SCORES.items():
        assert_equal(score(truth, result), expected[metric], metric)


@pytest.mark.parametrize("grid", [False, True], ids=["noise", "ties"])
@pytest.mark.parametrize("seed", range(60))
def test_random_sequences(seed: int, grid: bool) -> None:
    compare(*random_sequence(seed, grid=grid))
