"""All tracks of one camera, as a structure of arrays: row i of every array belongs to one track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.tracker.kalman import POSITION, KalmanState
from throughline.types import IntArray

__all__ = ["TrackTable"]


@dataclass(slots=True)
class TrackTable:
    """The tracks that are alive, in the order of their ids.

    Attributes:
        ids: (N,) int64, increasing.
        started: (N,) int64, capture time of the first sighting.
        seen: (N,) int64, capture time of the latest sighting.
        hits: (N,) int64, sightings so far.
        confirmed: (N,) bool.
        kalman: (N, 5, 4), see `streams.tracker.kalman`.
        aspects: (N,) float64, width / height at the latest sighting: where a vehicle turns, or enters the picture bit by bit,
            its proportions change faster than the filter's noise allows, and boxes of the wrong width overlap badly.
        history: (N, H, 7) float64, the first H sightings: box, score, class, capture time (whole microseconds, which
            float64 holds exactly until the year 2255). H is the number that confirms a track.
    """

    ids: IntArray
    started: IntArray
    seen: IntArray
    hits: IntArray
    confirmed: npt.NDArray[np.bool_]
    kalman: KalmanState
    aspects: npt.NDArray[np.float64]
    history: npt.NDArray[np.float64]

    @classmethod
    def empty(cls, history: int) -> TrackTable:
        """No tracks; ``history`` sightings are remembered of each."""
        return cls(
            ids=np.zeros(0, np.int64),
            started=np.zeros(0, np.int64),
            seen=np.zeros(0, np.int64),
            hits=np.zeros(0, np.int64),
            confirmed=np.zeros(0, np.bool_),
            kalman=np.zeros((0, 5, 4)),
            aspects=np.zeros(0),
            history=np.zeros((0, history, 7)),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def boxes(self) -> npt.NDArray[np.float64]:
        """Predicted boxes: centre x, centre y, width, height: (N, 4)."""
        boxes = self.kalman[:, POSITION].copy()
        boxes[:, 2] = self.aspects * boxes[:, 3]
        return boxes

    def keep(self, mask: npt.NDArray[np.bool_]) -> None:
        """Forgets the tracks where ``mask`` is false."""
        self.ids, self.started, self.seen = self.ids[mask], self.started[mask], self.seen[mask]
        self.hits, self.confirmed = self.hits[mask], self.confirmed[mask]
        self.kalman, self.aspects, self.history = self.kalman[mask], self.aspects[mask], self.history[mask]

    def append(self, ids: IntArray, captured: int, kalman: KalmanState) -> None:
        """Adds tracks that are first seen at ``captured``, without sightings as yet."""
        count = len(ids)
        times = np.full(count, captured, np.int64)
        self.ids = np.concatenate((self.ids, ids))
        self.started = np.concatenate((self.started, times))
        self.seen = np.concatenate((self.seen, times))
        self.hits = np.concatenate((self.hits, np.zeros(count, np.int64)))
        self.confirmed = np.concatenate((self.confirmed, np.zeros(count, np.bool_)))
        self.kalman = np.concatenate((self.kalman, kalman))
        self.aspects = np.concatenate((self.aspects, kalman[:, POSITION, 2]))
        self.history = np.concatenate((self.history, np.zeros((count, *self.history.shape[1:]))))
