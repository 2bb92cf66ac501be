from typing import Any

import numpy as np
import numpy.typing as npt

from matcher.evidence.camera_bias import CameraBias
from matcher.sightings import Looks
from throughline.types import FloatArray

KEY = ("net", "0")


def unit(vectors: npt.NDArray[Any]) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def seen(vector: FloatArray) -> Looks:
    return {KEY: np.stack([vector, vector])}


def scene(bias: float, vehicles: int = 200) -> tuple[CameraBias, FloatArray, FloatArray]:
    """Views of the same vehicles by two cameras, each of which adds a direction of its own; and what was learned of them."""
    rng = np.random.default_rng(1)
    identities = unit(rng.normal(size=(vehicles, 64)))
    shifts = bias * unit(rng.normal(size=(2, 64)))
    views = [unit(identities + shift + 0.4 * unit(rng.normal(size=identities.shape))) for shift in shifts]
    learned = CameraBias()
    for camera, vectors in zip("ab", views, strict=True):
        for vector in vectors:
            learned.learn(camera, seen(vector))
    return learned, views[0], views[1]


def cosines(learned: CameraBias, first: FloatArray, second: FloatArray) -> FloatArray:
    one = np.stack([learned.removed("a", seen(vector))[KEY][0] for vector in first])
    other = np.stack([learned.removed("b", seen(vector))[KEY][0] for vector in second])
    result: FloatArray = one @ other.T
    return result


def separation(matrix: FloatArray) -> float:
    """Share of wrong pairs that look less alike than the right one."""
    return float((np.diag(matrix)[:, None] > matrix).sum() / (len(matrix) * (len(matrix) - 1)))


def test_what_a_camera_adds_to_all_vehicles_is_taken_out() -> None:
    learned, first, second = scene(bias=1.5)
    same = np.eye(len(first), dtype=bool)
    before, after = first @ second.T, cosines(learned, first, second)
    assert after[same].mean() - after[~same].mean() > before[same].mean() - before[~same].mean() + 0.2
    assert abs(float(after[~same].mean())) < 0.05
    within = np.stack([learned.removed("a", seen(vector))[KEY][0] for vector in first])
    assert float((first @ first.T)[~same].mean()) > 0.5
    assert abs(float((within @ within.T)[~same].mean())) < 0.05


def test_a_network_without_bias_keeps_its_word() -> None:
    learned, first, second = scene(bias=0.0)
    assert np.abs(cosines(learned, first, second) - first @ second.T).max() < 0.15
    assert separation(cosines(learned, first, second)) >= separation(first @ second.T) - 0.005


def test_few_vehicles_change_little() -> None:
    learned, first, second = scene(bias=0.0, vehicles=2)
    assert np.abs(cosines(learned, first, second) - first @ second.T).max() < 0.1


def test_a_camera_that_is_not_known_gets_what_all_share() -> None:
    learned, first, _ = scene(bias=1.5)
    freed = learned.removed("", seen(first[0]))[KEY][0]
    assert abs(float(np.linalg.norm(freed)) - 1.0) < 1e-5
    assert not np.allclose(freed, first[0], atol=0.05)
    assert np.array_equal(CameraBias().removed("", seen(first[0]))[KEY][0], first[0])


def test_networks_of_other_dimensions_are_left_alone() -> None:
    learned, _, _ = scene(bias=1.0)
    odd = seen(unit(np.ones(8, np.float32)))
    learned.learn("a", odd)
    assert np.array_equal(learned.removed("a", odd)[KEY], odd[KEY])
