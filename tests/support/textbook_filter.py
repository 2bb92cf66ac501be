"""The Kalman filter of SORT's and DeepSORT's line, written down plainly: the oracle of the tracker's own."""

from __future__ import annotations

import numpy as np

__all__ = ["RATE", "TextbookFilter"]

RATE = 30.0
"""Frames a second that the literature's weights are per frame of."""


class TextbookFilter:
    """The eight-state filter of one track, with matrices, as a textbook writes it down.

    Args:
        measurement: (4,) centre x, centre y, width / height, height of the first detection.
    """

    def __init__(self, measurement: np.ndarray) -> None:
        height = measurement[3]
        self.mean = np.concatenate((measurement, np.zeros(4)))
        position = [2 * height / 20, 2 * height / 20, 1e-2, 2 * height / 20]
        velocity = [10 * height / 160 * RATE, 10 * height / 160 * RATE, 1e-5 * RATE, 10 * height / 160 * RATE]
        self.covariance = np.diag(np.square(position + velocity))

    def predict(self, dt: float) -> None:
        """``dt`` seconds go by."""
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

    def expected_spread(self) -> np.ndarray:
        """Covariance (4, 4) of the next measurement around where it is expected."""
        height = self.mean[3]
        observation = np.eye(4, 8)
        noise = np.diag(np.square([height / 20, height / 20, 1e-1, height / 20]))
        spread: np.ndarray = observation @ self.covariance @ observation.T + noise
        return spread

    def squared_distance(self, measurement: np.ndarray, coordinates: int) -> float:
        """Squared Mahalanobis distance, by the first coordinates: 2, the place; 4, place and shape."""
        spread = self.expected_spread()[:coordinates, :coordinates]
        error = (measurement - self.mean[:4])[:coordinates]
        return float(error @ np.linalg.inv(spread) @ error)

    def update(self, measurement: np.ndarray) -> None:
        """It was seen."""
        observation = np.eye(4, 8)
        gain = self.covariance @ observation.T @ np.linalg.inv(self.expected_spread())
        self.mean = self.mean + gain @ (measurement - observation @ self.mean)
        self.covariance = (np.eye(8) - gain @ observation) @ self.covariance
