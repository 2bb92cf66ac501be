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

from functools import lru_cache
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
    "innovation_variance",
    "mahalanobis",
    "predict",
    "update",
]

KalmanState = npt.NDArray[np.float64]
"""(5, 4, N): position, velocity (per second), and their 2 x 2 covariance as variance of the position, covariance, variance
of the velocity; of centre x, centre y, aspect and height; for each track. Tracks come last, so that every step runs along
contiguous memory."""

POSITION: Final = 0
VELOCITY: Final = 1
VARIANCE: Final = 2
COVARIANCE: Final = 3
VELOCITY_VARIANCE: Final = 4

_RATE = 30.0  # frames a second that the weights below are meant for
_HEIGHT = 3  # coordinate
_LEAST_HEIGHT = 1.0  # pixels: a shrinking box never turns inside out

# For centre x, centre y, aspect, height. All but those of the aspect are shares of the height of the box.
_POSITION_WEIGHT = np.array([1 / 20, 1 / 20, 1e-2, 1 / 20])[:, None]
_VELOCITY_WEIGHT = np.array([1 / 160, 1 / 160, 1e-5, 1 / 160])[:, None] * _RATE
_INITIAL_POSITION_VARIANCE = np.array([2 / 20, 2 / 20, 1e-2, 2 / 20])[:, None] ** 2
_INITIAL_VELOCITY_VARIANCE = (np.array([10 / 160, 10 / 160, 1e-5, 10 / 160])[:, None] * _RATE) ** 2
_MEASUREMENT_VARIANCE = np.array([1 / 20, 1 / 20, 1e-1, 1 / 20])[:, None] ** 2

_VELOCITY_DENSITY = _VELOCITY_WEIGHT**2 * _RATE
_POSITION_DENSITY = _POSITION_WEIGHT**2 * _RATE - _VELOCITY_DENSITY / _RATE**2 / 3
_SCALED = np.array([1.0, 1.0, 0.0, 1.0])[:, None]
_UNSCALED = 1.0 - _SCALED


def _squared_scale(height: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(4, N): what squared weights are multiplied by, of tracks with heights (N,)."""
    scale: npt.NDArray[np.float64] = height * height * _SCALED
    scale += _UNSCALED
    return scale


def initiate(measurements: npt.NDArray[np.float64]) -> KalmanState:
    """The state after a first detection: velocity zero, and very uncertain.

    Args:
        measurements: (4, N) centre x, centre y, aspect, height in pixels.
    """
    state = np.zeros((5, *measurements.shape))
    squared_scale = _squared_scale(measurements[_HEIGHT])
    state[POSITION] = measurements
    state[VARIANCE] = squared_scale * _INITIAL_POSITION_VARIANCE
    state[VELOCITY_VARIANCE] = squared_scale * _INITIAL_VELOCITY_VARIANCE
    return state


@lru_cache(maxsize=256)
def _motion(dt: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What ``dt`` seconds do: (5, 5) to the state, and (3, 4, 1), in squared scales, to its covariance."""
    motion = np.eye(5)
    motion[POSITION, VELOCITY] = motion[COVARIANCE, VELOCITY_VARIANCE] = dt
    motion[VARIANCE, COVARIANCE:] = 2 * dt, dt**2
    wandering = _POSITION_DENSITY * dt + _VELOCITY_DENSITY * (dt**3 / 3)
    return motion, np.stack((wandering, _VELOCITY_DENSITY * (dt**2 / 2), _VELOCITY_DENSITY * dt))


def predict(state: KalmanState, dt: float) -> KalmanState:
    """The state (5, 4, N) ``dt`` seconds later."""
    motion, noise = _motion(dt)
    result: KalmanState = (motion @ state.reshape(5, -1)).reshape(state.shape)
    result[VARIANCE:] += noise * _squared_scale(state[POSITION, _HEIGHT])
    height = result[POSITION, _HEIGHT]
    np.maximum(height, _LEAST_HEIGHT, out=height)
    return result


def update(state: KalmanState, measurements: npt.NDArray[np.float64]) -> KalmanState:
    """The state after a detection of each track.

    Args:
        state: (5, 4, N), predicted to the time of the detections.
        measurements: (4, N) centre x, centre y, aspect, height in pixels.
    """
    result = state.copy()
    position, velocity, variance, covariance, velocity_variance = result
    noise = _squared_scale(position[_HEIGHT])
    noise *= _MEASUREMENT_VARIANCE
    total = variance + noise
    innovation = measurements - position
    innovation /= total
    position += variance * innovation
    velocity += covariance * innovation
    velocity_variance -= covariance * covariance / total
    noise /= total
    result[VARIANCE:VELOCITY_VARIANCE] *= noise
    return result


def innovation_variance(state: KalmanState) -> npt.NDArray[np.float64]:
    """Variance (4, N) of what a measurement of each track will differ from its predicted state (5, 4, N)."""
    variance = _squared_scale(state[POSITION, _HEIGHT])
    variance *= _MEASUREMENT_VARIANCE
    variance += state[VARIANCE]
    return variance


def mahalanobis(state: KalmanState, measurements: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Squared distance of each measurement from where the filter expects it, by coordinate.

    The filters of the four coordinates are independent, so the squared Mahalanobis distance is the sum over coordinates: over
    the first two for the place alone, over all for place and shape.

    Args:
        state: (5, 4, K), predicted to the time of the measurements.
        measurements: (4, K) centre x, centre y, aspect, height in pixels, one for each.

    Returns:
        (4, K), each chi-square distributed with one degree of freedom where track and measurement belong together.
    """
    distance: npt.NDArray[np.float64] = measurements - state[POSITION]
    np.square(distance, out=distance)
    distance /= innovation_variance(state)
    return distance
