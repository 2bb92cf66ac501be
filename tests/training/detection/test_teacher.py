"""What the teacher sees and no label has is ignored; the rest is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.networks.yolox import YoloxNano
from throughline.types import FloatArray
from training.detection import teacher
from training.detection.pictures import LabelledPicture

NETWORK = YoloxNano(("car",)).eval()


def picture(boxes: Sequence[Sequence[float]]) -> LabelledPicture:
    nothing = np.zeros((0, 4), np.float32)
    image = np.zeros((90, 160, 3), np.uint8)
    return LabelledPicture("p.jpg", image, np.array(boxes, np.float32).reshape(-1, 4), np.zeros(len(boxes), np.int64), nothing)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes at which was looked; the teacher sees three vehicles, and one of them again at the larger size."""
    sizes: list[int] = []

    def see(network: YoloxNano, image: object, longest: int, min_score: float) -> tuple[FloatArray, FloatArray]:
        sizes.append(longest)
        boxes = [[10, 10, 50, 40], [60, 10, 100, 40], [110, 10, 130, 30]]
        if longest > 160:
            boxes = [[61, 11, 100, 41]]
        return np.array(boxes, np.float32), np.linspace(0.9, 0.5, len(boxes), dtype=np.float32)

    monkeypatch.setattr(teacher, "see", see)
    return sizes


def test_labelled_vehicles_and_parts_of_them_are_not_ignored(looked: list[int]) -> None:
    labels = [[12, 10, 50, 42], [100, 0, 160, 60]]  # the first vehicle, and a truck of which the third is a part
    found = teacher.forgotten(picture(labels), NETWORK, (160, 200, 320), 0.3)
    assert len(found) == 1
    assert found[0].tolist() in ([60, 10, 100, 40], [61, 11, 100, 41])
    assert looked == [160, 200]


def test_without_labels_all_that_is_seen_is_ignored(looked: list[int]) -> None:
    assert len(teacher.forgotten(picture([]), NETWORK, (160,), 0.3)) == 3


def test_what_was_looked_at_before_is_not_looked_at_again(
    looked: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pictures = [picture([]), picture([[10, 10, 50, 40]])]
    first = teacher.forgotten_in_all(pictures, NETWORK, (160,), 0.3)
    again = teacher.forgotten_in_all(pictures, NETWORK, (160,), 0.3)
    assert len(looked) == 2
    assert [len(boxes) for boxes in first] == [3, 2]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    teacher.forgotten_in_all(pictures[:1], NETWORK, (160,), 0.3)
    assert len(looked) == 3


def test_it_sees_in_pixels_of_the_picture() -> None:
    torch.manual_seed(1)
    network = YoloxNano(("car", "bus")).eval()
    image = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    boxes, scores = teacher.see(network, image, 96, 0.0)
    assert len(boxes) == len(scores) > 0
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= 160).all()
    assert (boxes[:, 3] <= 90).all()
    assert boxes[:, 2].max() > 140  # cells at the right edge have boxes there, not at 96
