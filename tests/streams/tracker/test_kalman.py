from __future__ import annotations

import numpy as np
import pytest

from streams.tracker import kalman

RATE = 30.0


class TextbookFilter:
    """The eight-state filter of one track, with matrices, as a textbook writes it down."""

    def __init__(self, measurement: np.ndarray) -> None:
        height = measurement[3]
        self.mean = np.concatenate((measurement, np.zeros(4)))
        position = [2 * height / 20, 2 * height / 20, 1e-2, 2 * height / 20]
        velocity = [10 * height / 160 * RATE, 10 * height / 160 * RATE, 1e-5 * RATE, 10 * height / 160 * RATE]
        self.covariance = np.diag(np.square(position + velocity))

    def predict(self, dt: float) -> None:
        height = self.mean[3]
        transition = np.eye(8)
        transition[:4, 4:] = dt * np.eye(4)
        noise = np.zeros((8, 8))
        for index, (position, velocity) in enumerate(
            [(height / 20, height / 160), (height / 20, height / 160), (1e-2, 1e-5), (height / 20, height / 160)]
        ):
            velocity_density = (velocity * RATE) ** 2 * RATE
            position_density = (position**2 - velocity_density / RATE**3 / 3) * RATE
            both = np.ix_([index, index + 4], [index, index + 4])
            noise[both] = velocity_density * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
            noise[index, index] += position_density * dt
        self.mean = transition @ self.mean
        self.mean[3] = max(self.mean[3], 1.0)
        self.covariance = transition @ self.covariance @ transition.T + noise

    def update(self, measurement: np.ndarray) -> None:
        height = self.mean[3]
        observation = np.eye(4, 8)
        noise = np.diag(np.square([height / 20, height / 20, 1e-1, height / 20]))
        innovation = observation @ self.covariance @ observation.T + noise
        gain = self.covariance @ observation.T @ np.linalg.inv(innovation)
        self.mean = self.mean + gain @ (measurement - observation @ self.mean)
        self.covariance = (np.eye(8) - gain @ observation) @ self.covariance


def _dense(state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = state[[kalman.POSITION, kalman.VELOCITY]].ravel()
    covariance = np.diag(np.concatenate((state[kalman.VARIANCE], state[kalman.VELOCITY_VARIANCE])))
    covariance[:4, 4:] = covariance[4:, :4] = np.diag(state[kalman.COVARIANCE])
    return mean, covariance


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_textbook_filter_on_random_sequences(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 7
    first = np.column_stack((random.uniform(0, 1920, (count, 2)), random.uniform(0.4, 3, count), random.uniform(15, 400, count)))
    state = kalman.initiate(first)
    peers = [TextbookFilter(row) for row in first]
    for _ in range(40):
        dt = float(random.choice([1 / 30, 0.1, 0.2, 0.47, 1.3]))
        state = kalman.predict(state, dt)
        for peer in peers:
            peer.predict(dt)
        seen = random.random(count) < 0.7
        measured = state[seen, kalman.POSITION] * random.normal(1, 0.03, (int(seen.sum()), 4))
        state[seen] = kalman.update(state[seen], measured)
        for index, row in zip(np.flatnonzero(seen), measured, strict=True):
            peers[index].update(row)
        for row, peer in zip(state, peers, strict=True):
            mean, covariance = _dense(row)
            np.testing.assert_allclose(mean, peer.mean, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(covariance, peer.covariance, rtol=1e-8, atol=1e-9)


def test_one_step_equals_any_steps_of_the_same_length() -> None:
    """So a camera that drops frames is as (un)certain as one that never had them."""
    state = kalman.update(
        kalman.predict(kalman.initiate(np.array([[100.0, 200, 1.5, 80]])), 0.1), np.array([[112.0, 201, 1.5, 80]])
    )
    state[:, kalman.VELOCITY, 3] = 0.0  # the noise goes by the height, which must not change on the way
    once = kalman.predict(state, 0.7)
    often = state
    for dt in (0.1, 0.25, 0.05, 0.3):
        often = kalman.predict(often, dt)
    np.testing.assert_allclose(once, often, rtol=1e-12)


def test_noise_of_a_thirtieth_of_a_second_is_that_of_the_literature() -> None:
    state = np.zeros((1, 5, 4))
    state[0, kalman.POSITION] = 300, 200, 1.5, 160
    after = kalman.predict(state, 1 / RATE)[0]
    np.testing.assert_allclose(np.sqrt(after[kalman.VARIANCE]), [8, 8, 1e-2, 8])
    np.testing.assert_allclose(np.sqrt(after[kalman.VELOCITY_VARIANCE]) / RATE, [1, 1, 1e-5, 1])


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_learns_the_speed_at_any_frame_rate(fps: int) -> None:
    velocity = np.array([240.0, -60.0])
    state = kalman.initiate(np.array([[100.0, 500.0, 1.5, 80.0]]))
    for number in range(1, 2 * fps):
        x, y = np.array([100.0, 500.0]) + velocity * number / fps
        state = kalman.update(kalman.predict(state, 1 / fps), np.array([[x, y, 1.5, 80.0]]))
    np.testing.assert_allclose(state[0, kalman.VELOCITY, :2], velocity, rtol=0.02)


def test_a_shrinking_box_keeps_a_height() -> None:
    state = kalman.initiate(np.array([[100.0, 100.0, 1.0, 20.0]]))
    state[:, kalman.VELOCITY, 3] = -100.0
    assert kalman.predict(state, 1.0)[0, kalman.POSITION, 3] == 1.0


def test_nothing_is_handled() -> None:
    nothing = kalman.initiate(np.zeros((0, 4)))
    assert kalman.update(kalman.predict(nothing, 0.1), np.zeros((0, 4))).shape == (0, 5, 4)
