from __future__ import annotations

import numpy as np
import pytest

from streams.tracker import kalman
from tests.support.textbook_filter import RATE, TextbookFilter


def _dense(state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = state[[kalman.POSITION, kalman.VELOCITY]].ravel()
    covariance = np.diag(np.concatenate((state[kalman.VARIANCE], state[kalman.VELOCITY_VARIANCE])))
    covariance[:4, 4:] = covariance[4:, :4] = np.diag(state[kalman.COVARIANCE])
    return mean, covariance


def _random_boxes(random: np.random.Generator, count: int) -> np.ndarray:
    return np.stack(
        (
            random.uniform(0, 1920, count),
            random.uniform(0, 1080, count),
            random.uniform(0.4, 3, count),
            random.uniform(15, 400, count),
        )
    )


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_textbook_filter_on_random_sequences(seed: int) -> None:
    """With frames that come regularly or not, and vehicles that are missed in some."""
    random = np.random.default_rng(seed)
    count = 7
    first = _random_boxes(random, count)
    state = kalman.initiate(first)
    peers = [TextbookFilter(box) for box in first.T]
    for _ in range(40):
        dt = float(random.choice([1 / 30, 0.1, 0.2, 0.47, 1.3, random.uniform(0.01, 2)]))
        state = kalman.predict(state, dt)
        for peer in peers:
            peer.predict(dt)
        seen = random.random(count) < 0.7
        measured = state[kalman.POSITION][:, seen] * random.normal(1, 0.03, (4, int(seen.sum())))
        state[:, :, seen] = kalman.update(state[:, :, seen], measured)
        for index, box in zip(np.flatnonzero(seen), measured.T, strict=True):
            peers[index].update(box)
        for track, peer in enumerate(peers):
            mean, covariance = _dense(state[:, :, track])
            np.testing.assert_allclose(mean, peer.mean, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(covariance, peer.covariance, rtol=1e-8, atol=1e-9)


def test_noise_of_a_thirtieth_of_a_second_is_that_of_the_literature() -> None:
    """A twentieth and a 160th of the height for place and velocity per frame; the aspect has its own."""
    state = np.zeros((5, 4, 1))
    state[kalman.POSITION, :, 0] = 300, 200, 1.5, 160
    after = kalman.predict(state, 1 / RATE)[:, :, 0]
    np.testing.assert_allclose(np.sqrt(after[kalman.VARIANCE]), [8, 8, 1e-2, 8])
    np.testing.assert_allclose(np.sqrt(after[kalman.VELOCITY_VARIANCE]) / RATE, [1, 1, 1e-5, 1])


def test_a_first_detection_is_as_uncertain_as_in_the_literature() -> None:
    state = kalman.initiate(np.array([[300.0], [200.0], [1.5], [160.0]]))[:, :, 0]
    np.testing.assert_allclose(np.sqrt(state[kalman.VARIANCE]), [16, 16, 1e-2, 16])
    np.testing.assert_allclose(np.sqrt(state[kalman.VELOCITY_VARIANCE]) / RATE, [10, 10, 1e-5, 10])
    assert not state[kalman.VELOCITY].any()
    assert not state[kalman.COVARIANCE].any()


def test_one_step_equals_any_steps_of_the_same_length() -> None:
    """So a camera that drops frames is as (un)certain as one that never had them."""
    first, second = np.array([[100.0], [200], [1.5], [80]]), np.array([[112.0], [201], [1.5], [80]])
    state = kalman.update(kalman.predict(kalman.initiate(first), 0.1), second)
    state[kalman.VELOCITY, 3] = 0.0  # the noise goes by the height, which must not change on the way
    once = kalman.predict(state, 0.7)
    often = state
    for dt in (0.1, 0.25, 0.05, 0.3):
        often = kalman.predict(often, dt)
    np.testing.assert_allclose(once, often, rtol=1e-12)


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_learns_the_speed_at_any_frame_rate(fps: int) -> None:
    velocity = np.array([[240.0], [-60.0]])
    state = kalman.initiate(np.array([[100.0], [500.0], [1.5], [80.0]]))
    for number in range(1, 2 * fps):
        x, y = np.array([[100.0], [500.0]]) + velocity * number / fps
        state = kalman.update(kalman.predict(state, 1 / fps), np.stack((x, y, [1.5], [80.0])))
    np.testing.assert_allclose(state[kalman.VELOCITY, :2], velocity, rtol=0.02)


def test_a_shrinking_box_keeps_a_height() -> None:
    state = kalman.initiate(np.array([[100.0], [100.0], [1.0], [20.0]]))
    state[kalman.VELOCITY, 3] = -100.0
    assert kalman.predict(state, 1.0)[kalman.POSITION, 3] == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_distances_equal_the_plain_formula_for_place_and_for_place_and_shape(seed: int) -> None:
    """The squared Mahalanobis distance y' S^-1 y, with S from the textbook filter's whole covariance."""
    random = np.random.default_rng(seed)
    first = _random_boxes(random, 6)
    state = kalman.initiate(first)
    peers = [TextbookFilter(box) for box in first.T]
    for _ in range(3):
        state = kalman.predict(state, 0.2)
        measured = state[kalman.POSITION] * random.normal(1, 0.02, (4, 6))
        for peer, box in zip(peers, measured.T, strict=True):
            peer.predict(0.2)
            peer.update(box)
        state = kalman.update(state, measured)
    state = kalman.predict(state, 0.2)
    measured = state[kalman.POSITION] * random.normal(1, 0.1, (4, 6))
    distance = kalman.mahalanobis(state, measured)
    for index, (peer, box) in enumerate(zip(peers, measured.T, strict=True)):
        peer.predict(0.2)
        assert distance[:2, index].sum() == pytest.approx(peer.squared_distance(box, 2), rel=1e-8)
        assert distance[:, index].sum() == pytest.approx(peer.squared_distance(box, 4), rel=1e-8)


def test_nothing_is_handled() -> None:
    nothing = kalman.initiate(np.zeros((4, 0)))
    assert kalman.update(kalman.predict(nothing, 0.1), np.zeros((4, 0))).shape == (5, 4, 0)
    assert kalman.mahalanobis(nothing, np.zeros((4, 0))).shape == (4, 0)
