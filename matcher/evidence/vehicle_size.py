"""How tall two vehicles are, as far as calibrated cameras can tell."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from matcher.evidence.term import PairBatch, Ratios
from matcher.gates import Relations
from matcher.table import SightingTable
from matcher.topology import Topology

__all__ = ["VehicleSizeTerm"]

_DEVIATION, _STRENGTH = 0.15, 10.0
"""Of the log of the size in one camera, before any vehicle was seen, and how many vehicles that counts for."""
_LEAST_SEEN = 5.0
"""Vehicles that a camera must have seen before sizes there say anything."""
_CORRELATION, _JOINS = 0.3, 20.0
"""Of the sizes of one vehicle in two cameras, before any join, and how many joins that counts for."""
_FORGETTING = 500.0
"""Vehicles, or joins, after which older ones begin to fade."""
_OUTLIER = 3.0
"""Standard deviations beyond which a size says no more."""
_TRUST = 0.1
"""Share of vehicles whose boxes say nothing of their size; bounds what it can say against a join."""


class VehicleSizeTerm:
    """Agreement of two sizes, each against what is usual in its camera; worth more for unusual ones.

    A size is the height of the box, in metres of the ground across the view where the vehicle stands: unlike width and length it
    hardly depends on the side that is seen. Logs of sizes are normal in each camera, whose mean and deviation take up what is
    wrong with its calibration; those of one vehicle in two cameras are correlated, as joins show. With standardised sizes a
    and b and correlation r the ratio is that of a bivariate normal density to two independent ones:
    (2 r a b - r^2 (a^2 + b^2)) / (2 (1 - r^2)) - log(1 - r^2) / 2.

    Args:
        topology: Cameras.
    """

    name = "vehicle_size"
    unit = "ratio"

    def __init__(self, topology: Topology) -> None:
        cameras = len(topology.cameras)
        self._seen = np.zeros(cameras)
        self._sums = np.zeros(cameras)
        self._squares = np.zeros(cameras)
        self._joins = self._products = self._powers = 0.0

    @property
    def correlation(self) -> float:
        """Of the sizes of one vehicle in two cameras."""
        return min(0.95, max(0.0, (_JOINS * _CORRELATION + self._products) / (_JOINS + self._powers)))

    def closed(self, table: SightingTable, slot: int) -> None:
        """Learns which sizes are usual in a camera."""
        if table.paths is None or math.isnan(size := float(table.paths.size[slot])):
            return
        camera = int(table.camera[slot])
        keep = min(1.0, _FORGETTING / (self._seen[camera] + 1.0))
        self._seen[camera] = keep * self._seen[camera] + 1.0
        self._sums[camera] = keep * self._sums[camera] + size
        self._squares[camera] = keep * self._squares[camera] + size * size

    def joined(self, table: SightingTable, relations: Relations, probabilities: Ratios) -> None:
        """Learns how much alike the sizes of one vehicle are."""
        if table.paths is None:
            return
        one, other = self._standardised(table, relations.earlier), self._standardised(table, relations.later)
        known = ~np.isnan(one * other) & (table.camera[relations.earlier] != table.camera[relations.later])
        for pair in np.flatnonzero(known).tolist():
            probability = float(probabilities[pair])
            keep = min(1.0, _FORGETTING / (self._joins + 1.0))
            self._joins = keep * self._joins + probability
            self._products = keep * self._products + probability * float(one[pair] * other[pair])
            self._powers = keep * self._powers + probability * 0.5 * float(one[pair] ** 2 + other[pair] ** 2)

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where no two cameras know a size."""
        if batch.table.paths is None:
            return np.full(len(batch), np.nan)
        one, other = self._standardised(batch.table, batch.left), self._standardised(batch.table, batch.right)
        known = ~np.isnan(one) & ~np.isnan(other)
        known &= batch.table.camera[batch.left] != batch.table.camera[batch.right]
        one, other = np.where(known, one, 0.0), np.where(known, other, 0.0)
        r = self.correlation
        ratios = (2.0 * r * one * other - r * r * (one * one + other * other)) / (2.0 * (1.0 - r * r)) - 0.5 * math.log(
            1.0 - r * r
        )
        batch.memo[self.name] = known
        return batch.mean(np.log((1.0 - _TRUST) * np.exp(ratios) + _TRUST), known)

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Mean of the one vehicle's sizes over that of the other's."""
        paths, pairs = batch.table.paths, batch.pairs(comparison)
        pairs = pairs[batch.memo[self.name][pairs]]
        if paths is None or not len(pairs):
            return math.nan
        return float(np.exp(paths.size[batch.right[pairs]].mean() - paths.size[batch.left[pairs]].mean()))

    def _standardised(self, table: SightingTable, slots: npt.NDArray[np.int64]) -> Ratios:
        """(P,) sizes in deviations from what is usual in the camera; NaN: not known."""
        if table.paths is None:
            return np.full(len(slots), np.nan)
        cameras = table.camera[slots]
        seen = np.where(self._seen[cameras] >= _LEAST_SEEN, self._seen[cameras], np.nan)
        mean = self._sums[cameras] / seen
        scatter = np.maximum(self._squares[cameras] - seen * mean * mean, 0.0)
        deviation = np.sqrt((_STRENGTH * _DEVIATION**2 + scatter) / (_STRENGTH + seen))
        return np.asarray(np.clip((table.paths.size[slots] - mean) / deviation, -_OUTLIER, _OUTLIER))
