r"""A Kalman filter over all tracks of a camera at once, in real time steps.

The state of a track is centre x, centre y, aspect (width / height), height, and their velocities; motion is of constant
velocity, and a detection measures the first four. This is the model and these are the noise weights of SORT's and
DeepSORT's line (Wojke et al., "Simple online and realtime tracking with a deep association metric", ICIP 2017): standard
deviations in proportion to the height of the box, because a near vehicle moves more pixels than a far one.

Two things differ.

*Four small filters instead of one of eight dimensions.* Initial covariance, process noise and measurement noise are
diagonal, and the motion couples a coordinate only with its own velocity. So the 8 x 8 covariance is, after some reordering,
four blocks of 2 x 2 for ever, and the filter is exactly four filters of two states. Nothing has to be inverted, and every
step is element by element over all tracks.

*Time in seconds.* The weights in the literature are per frame. Frames get dropped and cameras differ, so here the noise is
that of a process in continuous time, observed after any ``dt``: the velocity wanders (white acceleration of spectral
density :math:`q_v`), and the position wanders on its own (density :math:`q_p`), which stands for what a box does without the
vehicle moving. Integrated over ``dt``,

.. math::

   Q(dt) = q_p \begin{pmatrix} dt & 0 \\ 0 & 0 \end{pmatrix}
         + q_v \begin{pmatrix} dt^3/3 & dt^2/2 \\ dt^2/2 & dt \end{pmatrix}

which, as it must, gives the same for one step of ``dt`` as for any steps that sum to it. The densities are chosen so that for
``dt = 1/30 s``, the rate of the pedestrian footage that the weights were tuned on, the diagonal of Q is theirs: with
:math:`w_p, w_v` their weights per frame and :math:`f = 30`, :math:`q_v f^{-1} = (w_v f h)^2` and
:math:`q_p f^{-1} + q_v f^{-3} / 3 = (w_p h)^2`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "COVARIANCE",
    "POSITION",
    "VARIANCE",
    "VELOCITY",
    "VELOCITY_VARIANCE",
    "KalmanState",
    "initiate",
    "predict",
    "update",
]

KalmanState = npt.NDArray[np.float64]
"""(N, 5, 4): for each track and each of centre x, centre y, aspect and height: position, velocity (per second), and the
2 x 2 covariance of the two as variance of the position, covariance, variance of the velocity."""

POSITION: Final = 0
VELOCITY: Final = 1
VARIANCE: Final = 2
COVARIANCE: Final = 3
VELOCITY_VARIANCE: Final = 4

_RATE = 30.0  # frames a second that the weights below are meant for
_HEIGHT = 3  # coordinate
_LEAST_HEIGHT = 1.0  # pixels: a shrinking box never turns inside out

# For centre x, centre y, aspect, height. All but those of the aspect are shares of the height of the box.
_POSITION_WEIGHT = np.array([1 / 20, 1 / 20, 1e-2, 1 / 20])
_VELOCITY_WEIGHT = np.array([1 / 160, 1 / 160, 1e-5, 1 / 160]) * _RATE
_INITIAL_POSITION_WEIGHT = np.array([2 / 20, 2 / 20, 1e-2, 2 / 20])
_INITIAL_VELOCITY_WEIGHT = 10 * np.array([1 / 160, 1 / 160, 1e-6, 1 / 160]) * _RATE
_MEASUREMENT_WEIGHT = np.array([1 / 20, 1 / 20, 1e-1, 1 / 20])

_VELOCITY_DENSITY = _VELOCITY_WEIGHT**2 * _RATE
_POSITION_DENSITY = _POSITION_WEIGHT**2 * _RATE - _VELOCITY_DENSITY / _RATE**2 / 3
_MEASUREMENT_VARIANCE = _MEASUREMENT_WEIGHT**2


def _squared_scale(height: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    scale = np.empty((len(height), 4))
    scale[:] = (height * height)[:, None]
    scale[:, 2] = 1.0
    return scale


def initiate(measurements: npt.NDArray[np.float64]) -> KalmanState:
    """The state after a first detection: velocity zero, and very uncertain.

    Args:
        measurements: (N, 4) centre x, centre y, aspect, height in pixels.
    """
    state = np.zeros((len(measurements), 5, 4))
    squared_scale = _squared_scale(measurements[:, _HEIGHT])
    state[:, POSITION] = measurements
    state[:, VARIANCE] = squared_scale * _INITIAL_POSITION_WEIGHT**2
    state[:, VELOCITY_VARIANCE] = squared_scale * _INITIAL_VELOCITY_WEIGHT**2
    return state


def predict(state: KalmanState, dt: float) -> KalmanState:
    """The state ``dt`` seconds later."""
    result = np.empty_like(state)
    velocity, velocity_variance, covariance = state[:, VELOCITY], state[:, VELOCITY_VARIANCE], state[:, COVARIANCE]
    squared_scale = _squared_scale(state[:, POSITION, _HEIGHT])
    result[:, POSITION] = state[:, POSITION] + velocity * dt
    result[:, VELOCITY] = velocity
    result[:, VARIANCE] = (
        state[:, VARIANCE]
        + (2 * dt) * covariance
        + dt**2 * velocity_variance
        + squared_scale * (_POSITION_DENSITY * dt + _VELOCITY_DENSITY * (dt**3 / 3))
    )
    result[:, COVARIANCE] = covariance + dt * velocity_variance + squared_scale * (_VELOCITY_DENSITY * (dt**2 / 2))
    result[:, VELOCITY_VARIANCE] = velocity_variance + squared_scale * (_VELOCITY_DENSITY * dt)
    height = result[:, POSITION, _HEIGHT]
    np.maximum(height, _LEAST_HEIGHT, out=height)
    return result


def update(state: KalmanState, measurements: npt.NDArray[np.float64]) -> KalmanState:
    """The state after a detection of each track.

    Args:
        state: (N, 5, 4), predicted to the time of the detections.
        measurements: (N, 4) centre x, centre y, aspect, height in pixels.
    """
    result = np.empty_like(state)
    variance, covariance = state[:, VARIANCE], state[:, COVARIANCE]
    noise = _squared_scale(state[:, POSITION, _HEIGHT]) * _MEASUREMENT_VARIANCE
    total = variance + noise
    innovation = (measurements - state[:, POSITION]) / total
    result[:, POSITION] = state[:, POSITION] + variance * innovation
    result[:, VELOCITY] = state[:, VELOCITY] + covariance * innovation
    kept = noise / total
    result[:, VARIANCE] = variance * kept
    result[:, COVARIANCE] = covariance * kept
    result[:, VELOCITY_VARIANCE] = state[:, VELOCITY_VARIANCE] - covariance * covariance / total
    return result
