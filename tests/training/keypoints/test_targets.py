"""Points and heat-maps, against what is drawn at them."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.networks.key_points import KEY_POINTS
from training.data.sources import FoldSettings
from training.errors import DataError
from training.keypoints.annotations import read_keypoints
from training.keypoints.recipe import KeyPointAugmentationSettings, KeyPointSource
from training.keypoints.targets import correct_points, draw_affine, heatmaps, identity_affine, peaks, transform

POINTS = len(KEY_POINTS)


def spots(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A picture, black but for a soft spot at each point, its brightness the point's number."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    picture = np.zeros(shape, np.float32)
    for number, (x, y) in enumerate(points):
        picture = np.maximum(picture, (50 + 10 * number) * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.5**2)))
    return np.repeat(picture[:, :, None], 3, axis=2).astype(np.uint8)


def test_points_go_where_the_picture_goes() -> None:
    names = {name: number for number, name in enumerate(KEY_POINTS)}
    settings = KeyPointAugmentationSettings(scale=0.2, flip=0.5)
    flipped = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        point = random.uniform([30, 25], [90, 65])
        number = names["left mirror"]
        points, visible = np.full((POINTS, 2), -1, np.float32), np.zeros(POINTS, bool)
        points[number], visible[number] = point, True
        affine, flips = draw_affine((90, 120), (64, 64), settings, random)
        picture, moved, seen = transform(spots(point[None], (90, 120)), points, visible, affine, (64, 64), flips=flips)
        flipped += flips
        here = names["right mirror" if flips else "left mirror"]
        assert seen.tolist() == [one == here and bool(seen[here]) for one in range(POINTS)]
        if seen[here] and moved[here].min() > 4 and moved[here].max() < 60:
            light = picture[:, :, 0].astype(float) ** 2
            rows, columns = np.mgrid[:64, :64]
            centre = [(columns * light).sum() / light.sum(), (rows * light).sum() / light.sum()]
            assert centre == pytest.approx(moved[here].tolist(), abs=0.6)
    assert 10 < flipped < 30


def test_a_stretch_keeps_borders_at_borders() -> None:
    affine = identity_affine((90, 120), (64, 48))
    for x, y, there in ((-0.5, -0.5, (-0.5, -0.5)), (119.5, 89.5, (47.5, 63.5)), (59.5, 44.5, (23.5, 31.5))):
        assert (affine[:, :2] @ [x, y] + affine[:, 2]).tolist() == pytest.approx(there)


def test_a_point_that_leaves_the_picture_is_not_visible() -> None:
    points = np.zeros((POINTS, 2), np.float32)
    points[0], points[1] = (5, 5), (50, 5)
    shift = np.array([[1.0, 0, 20], [0, 1, 0]])
    visible = np.arange(POINTS) < 2
    _, _, seen = transform(np.zeros((64, 64, 3), np.uint8), points, visible, shift, (64, 64), flips=False)
    assert seen.tolist() == [True] + [False] * (POINTS - 1)


def test_heatmaps_are_the_plain_gaussians() -> None:
    points = np.array([[9.7, 22.2], [0.0, 0.0], [30.0, 31.0]], np.float32)
    maps = heatmaps(points, np.array([True, True, False]), (32, 48), (16, 12), 1.0)
    for number, (x, y) in enumerate(points):
        cell = int((x + 0.5) / 48 * 12), int((y + 0.5) / 32 * 16)
        for row in range(16):
            for column in range(12):
                near = abs(column - cell[0]) <= 3 and abs(row - cell[1]) <= 3
                value = math.exp(-((column - cell[0]) ** 2 + (row - cell[1]) ** 2) / 2)
                assert maps[number, row, column] == pytest.approx(value if near and number < 2 else 0.0, abs=1e-6)
    assert peaks(maps[:2]).tolist() == [[2, 11], [0, 0]]


def test_correct_within_half_a_tenth_of_the_map() -> None:
    targets = np.zeros((1, 4, 64, 64), np.float32)
    found = np.zeros_like(targets)
    for number, offset in enumerate((0, 3, 4, 20)):  # half a tenth of 64 cells is 3.2
        targets[0, number, 30, 30] = 1
        found[0, number, 30 + offset, 30] = 1
    assert correct_points(found, targets).tolist() == [[True, True, False, False]]


def line(name: str, value: str = "3") -> str:
    return f"{name} " + f"{value} 4 " * POINTS


def test_annotations(tmp_path: Path) -> None:
    for name in ("0001_a.png", "0002_b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((5, 5, 3), np.uint8))
    hidden = "0001_a.png -1 -1 " + "10 2 " * (POINTS - 1) + "5"  # as a text, 10 is less than 2 and -1 is more than nothing
    (tmp_path / "points.txt").write_text(f"{hidden}\n\n{line('0002_b.png')}\n")
    found = read_keypoints([KeyPointSource(path=tmp_path, annotation="points.txt")])
    assert [path.name for path in found.files] == ["0001_a.png", "0002_b.png"]
    assert found.visible.tolist() == [[False] + [True] * (POINTS - 1), [True] * POINTS]
    assert found.points[0, 1].tolist() == [10, 2]
    (tmp_path / "many.txt").write_text("".join(line(f"{n:04d}_a.png") + "\n" for n in range(8)))
    for number in range(8):
        cv2.imwrite(str(tmp_path / f"{number:04d}_a.png"), np.zeros((5, 5, 3), np.uint8))
    parts = []
    for take in (0, 1):
        fold = FoldSettings(of=2, take=(take,))
        parts.append(
            {path.name for path in read_keypoints([KeyPointSource(path=tmp_path, annotation="many.txt", fold=fold)]).files}
        )
    assert not parts[0] & parts[1]
    assert len(parts[0] | parts[1]) == 8


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (line("0001_a.png") + "1 1", "expected a path and 20 pairs"),
        ("0001_a.png 1 2", "expected a path and 20 pairs"),
        (line("0001_a.png", "x"), "could not convert"),
        (line("0001_a.png", "nan"), "expected a path and 20 pairs"),
        (line("absent.png"), r"absent\.png: no such file"),
    ],
)
def test_annotations_that_are_none(tmp_path: Path, text: str, problem: str) -> None:
    cv2.imwrite(str(tmp_path / "0001_a.png"), np.zeros((5, 5, 3), np.uint8))
    (tmp_path / "points.txt").write_text(text + "\n")
    with pytest.raises(DataError, match=rf"points\.txt:1: .*{problem}"):
        read_keypoints([KeyPointSource(path=tmp_path, annotation="points.txt")])
