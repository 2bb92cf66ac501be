"""How far apart on the ground two vehicles were while both were in view."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from matcher.evidence.term import PairBatch, Ratios
from matcher.gates import Relations
from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.types import IntArray

__all__ = ["GroundPositionTerm"]

Floats: TypeAlias = npt.NDArray[np.float64]

_INSTANTS = 8
"""Instants, evenly over the time that both are in view, at which two paths are compared."""
_LEAST_OVERLAP = 100_000
"""Microseconds that both must be in view."""
_TAILS = 3.0
"""Degrees of freedom of Student's distribution: boxes cut off at the picture's edge lie far out."""
_WRONG, _WRONG_STRENGTH = 0.2, 5.0
"""Share of joins whose places are wrong altogether, and how many joins that counts for: on the whole site, and on each link."""
_STRENGTH = 10.0
"""How many joins the calibration of the site file counts for, on each link."""
_FORGETTING = 500.0
"""Joins after which older ones begin to fade."""
_SPREAD, _SPREAD_STRENGTH = 20.0, 5.0
"""Standard deviation, in metres, of vehicles' places in a view before any was seen, and how many vehicles that counts for."""


class _Compared(NamedTuple):
    """Q pairs of paths at common instants.

    Attributes:
        pairs: (Q,) which pairs.
        apart: (Q, T, 2) metres from the earlier one's place to the later one's.
        errors: (Q, T, 3) covariance of that: xx, xy, yy.
    """

    pairs: IntArray
    apart: Floats
    errors: Floats


class GroundPositionTerm:
    """Distance between time-aligned paths, against the chance that another vehicle is there.

    If both are one vehicle, the distance is an error: of both calibrations, of the boxes, and of the clocks, times the speed.
    It follows Student's distribution in the plane with the covariance that these give. What the two cameras of a link disagree
    by, and how much larger errors are there than was said, is learned from joins, as in expectation maximisation of
    Student's distribution (Liu and Rubin, 1995): joins that lie far out count little. So is the share of joins whose places
    are wrong altogether, on the site and on each link; it bounds what a distance can say against a join, and where cameras'
    calibrations do not fit together the term falls silent. If they are two vehicles, the other one
    may be anywhere where vehicles are in that view: evenly on the area that a normal distribution of their places fills.

    Errors at neighbouring instants are the same errors, so all instants of a pair count as one observation, with the mean of
    the squared distances; and so do all pairs of two vehicles' sightings.

    Args:
        topology: Links and cameras.
    """

    name = "ground_position"
    unit = "m"

    def __init__(self, topology: Topology) -> None:
        links = len(topology.links)
        self._wrong = np.zeros(links + 1)
        self._joins = np.zeros(links + 1)
        self._weight = np.zeros(links)
        self._apart = np.zeros((links, 2))
        self._right = np.zeros(links)
        self._squares = np.zeros(links)
        cameras = len(topology.cameras)
        self._seen = np.zeros(cameras)
        self._mean = np.zeros((cameras, 2))
        self._scatter = np.zeros((cameras, 2, 2))

    def closed(self, table: SightingTable, slot: int) -> None:
        """Learns where vehicles are in this view."""
        paths = table.paths
        if paths is None or not paths.count[slot]:
            return
        camera = int(table.camera[slot])
        places = paths.places[slot, : paths.count[slot]]
        degrees = np.full(1, paths.degrees[camera])
        if not self._seen[camera]:
            self._mean[camera] = places[0]
        keep = min(1.0, _FORGETTING / (self._seen[camera] + 1.0))
        seen = keep * self._seen[camera]
        step = (places.mean(axis=0) - self._mean[camera]) / (seen + 1.0)
        former = self._mean[camera].copy()
        self._mean[camera] += step
        moved = paths.metres(former[None, None], self._mean[camera][None, None], degrees)[0, 0]
        apart = paths.metres(np.broadcast_to(self._mean[camera], (1, len(places), 2)), places[None], degrees)[0]
        self._scatter[camera] = keep * self._scatter[camera] + seen * np.outer(moved, moved) + apart.T @ apart / len(places)
        self._seen[camera] = seen + 1.0

    def joined(self, table: SightingTable, relations: Relations, probabilities: Ratios) -> None:
        """Learns what the cameras of a link disagree by."""
        found = self._compare(table, relations)
        if found is None:
            return
        likelier = self._likelier(table, relations, found)
        apart, errors = found.apart.mean(axis=1), found.errors.mean(axis=1)
        for place, pair in enumerate(found.pairs.tolist()):
            link = int(relations.link[pair])
            if link >= 0:
                self._learn(link, apart[place], errors[place], float(likelier[place]), float(probabilities[pair]))

    def _learn(self, link: int, apart: Floats, errors: Floats, likelier: float, probability: float) -> None:
        one = np.array([link])
        wrong = float(self._shares(one)[0])
        right = probability * (1.0 - wrong) * likelier / ((1.0 - wrong) * likelier + wrong)
        square = float(_squared(apart - self._offsets(one)[0], errors))
        weight = right * (_TAILS + 2.0) / (_TAILS + square / float(self._factors(one)[0]))
        for place in (link, -1):
            keep = min(1.0, _FORGETTING / (self._joins[place] + 1.0))
            self._joins[place] = keep * self._joins[place] + probability
            self._wrong[place] = keep * self._wrong[place] + probability - right
        keep = min(1.0, _FORGETTING / (self._right[link] + 1.0))
        self._right[link] = keep * self._right[link] + right
        self._weight[link] = keep * self._weight[link] + weight
        self._apart[link] = keep * self._apart[link] + weight * apart
        self._squares[link] = keep * self._squares[link] + weight * square

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where the two were never in view at once, or not on calibrated ground."""
        relations = batch.relations
        found = self._compare(batch.table, relations)
        if found is None:
            return np.full(len(batch), np.nan)
        wrong = self._shares(relations.link[found.pairs])
        ratios, distances = np.zeros(len(batch.group)), np.full(len(batch.group), np.nan)
        ratios[found.pairs] = np.log((1.0 - wrong) * self._likelier(batch.table, relations, found) + wrong)
        distances[found.pairs] = np.hypot(found.apart[:, :, 0], found.apart[:, :, 1]).mean(axis=1)
        batch.memo[self.name] = distances
        return batch.mean(ratios, ~np.isnan(distances))

    def _likelier(self, table: SightingTable, relations: Relations, found: _Compared) -> Ratios:
        """(Q,) how much likelier the distances are for one vehicle than for two, if the places are not wrong altogether."""
        links = relations.link[found.pairs]
        factor = self._factors(links)
        squares = np.median(_squared(found.apart - self._offsets(links)[:, None], found.errors), axis=1) / factor
        area = 2.0 * math.pi * np.median(np.sqrt(_determinant(found.errors)), axis=1) * factor
        cameras = table.camera[relations.earlier[found.pairs]], table.camera[relations.later[found.pairs]]
        elsewhere = np.sqrt(self._areas(cameras[0]) * self._areas(cameras[1]))
        return np.asarray((1.0 + squares / _TAILS) ** (-0.5 * (_TAILS + 2.0)) / area * elsewhere)

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Mean distance over the time that both were in view, of the two paths that are closest."""
        return float(np.nanmin(batch.memo[self.name][batch.pairs(comparison)]))

    def _compare(self, table: SightingTable, relations: Relations) -> _Compared | None:
        """Pairs that were in view at once; None: there are none."""
        paths = table.paths
        if paths is None:
            return None
        one, other = relations.earlier, relations.later
        last = paths.count - 1
        first = np.maximum(paths.at[one, 0], paths.at[other, 0])
        end = np.minimum(paths.at[one, -1], paths.at[other, -1])
        both = (last[one] >= 0) & (last[other] >= 0) & (end - first >= _LEAST_OVERLAP)
        both &= paths.degrees[table.camera[one]] == paths.degrees[table.camera[other]]
        pairs = np.flatnonzero(both)
        if not len(pairs):
            return None
        one, other, first, end = one[pairs], other[pairs], first[pairs], end[pairs]
        shares = (np.arange(_INSTANTS) + 0.5) / _INSTANTS
        instants = first[:, None] + ((end - first)[:, None] * shares).astype(np.int64)
        left, right = paths.placed(one, instants), paths.placed(other, instants)
        degrees = paths.degrees[table.camera[one]]
        apart = paths.metres(left.places, right.places, degrees)
        speed = 0.5 * paths.metres(-left.velocities, right.velocities, degrees, at=left.places)
        clocks = (table.variance[one] + table.variance[other])[:, None, None]
        shift = np.stack([speed[:, :, 0] ** 2, speed[:, :, 0] * speed[:, :, 1], speed[:, :, 1] ** 2], axis=2)
        return _Compared(pairs, apart, left.errors + right.errors + clocks * shift)

    def _offsets(self, links: IntArray) -> Floats:
        """(Q, 2) metres by which the cameras of these links disagree."""
        return np.where((links < 0)[:, None], 0.0, self._apart[links] / (_STRENGTH + self._weight[links])[:, None])

    def _factors(self, links: IntArray) -> Ratios:
        """(Q,) variance on these links, as a multiple of what calibrations and boxes say."""
        factors = (2.0 * _STRENGTH + self._squares[links]) / (2.0 * (_STRENGTH + self._right[links]))
        return np.asarray(np.where(links < 0, 1.0, factors))

    def _shares(self, links: IntArray) -> Ratios:
        """(Q,) share of joins on these links whose places are wrong altogether."""
        site = (_WRONG_STRENGTH * _WRONG + self._wrong[-1]) / (_WRONG_STRENGTH + self._joins[-1])
        own = (_WRONG_STRENGTH * site + self._wrong[links]) / (_WRONG_STRENGTH + self._joins[links])
        return np.asarray(np.where(links < 0, site, own))

    def _areas(self, cameras: IntArray) -> Ratios:
        """(Q,) square metres that vehicles fill in these cameras' views: e to the entropy of a normal distribution."""
        scatter = self._scatter[cameras] + _SPREAD_STRENGTH * _SPREAD**2 * np.eye(2)
        scatter = scatter / (_SPREAD_STRENGTH + self._seen[cameras])[:, None, None]
        determinant = scatter[:, 0, 0] * scatter[:, 1, 1] - scatter[:, 0, 1] ** 2
        return np.asarray(2.0 * math.pi * math.e * np.sqrt(determinant))


def _determinant(errors: Floats) -> Floats:
    return np.asarray(errors[..., 0] * errors[..., 2] - errors[..., 1] ** 2)


def _squared(apart: Floats, errors: Floats) -> Floats:
    """Squared Mahalanobis distances."""
    x, y = apart[..., 0], apart[..., 1]
    total = errors[..., 2] * x * x - 2.0 * errors[..., 1] * x * y + errors[..., 0] * y * y
    return np.asarray(total / _determinant(errors))
