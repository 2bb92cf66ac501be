"""What it costs to be sooner or later than a road allows."""

from __future__ import annotations

import numpy as np

from matcher.evidence.term import PairBatch, Ratios
from matcher.topology import Topology

__all__ = ["TravelWindowTerm", "penalty"]


def penalty(excess: Ratios, deviation: Ratios, a_second: float) -> Ratios:
    """Log-odds that a travel time costs which lies ``excess`` seconds (P,) beyond its window.

    Part of it may be an error of the two clocks, which is normally distributed with this ``deviation`` (P,) and costs half
    its square in deviations; the rest costs ``a_second`` each. The cheapest way to share the excess between the two counts
    (Huber's loss): quadratic at first, then linear.

    Args:
        excess: Seconds, 0 within the window.
        deviation: Seconds; 0: the clocks agree.
        a_second: Log-odds a second.
    """
    by_clocks = np.minimum(excess, a_second * deviation**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(by_clocks > 0.0, (by_clocks / deviation) ** 2, 0.0)
    return np.asarray(0.5 * squares + a_second * (excess - by_clocks))


class TravelWindowTerm:
    """The soft form of the gate `travel_window`: beyond the window of a link, each second counts against a join.

    It bounds what a travel time can say against two sightings by how far it lies outside; what the term for travel times
    has learned of this link may make up for it, where the site file's window or a clock is wrong.

    Args:
        a_second: Log-odds that each second beyond a window costs.
        topology: Links.
    """

    name = "travel_window"
    unit = "s"

    def __init__(self, a_second: float, topology: Topology) -> None:
        self._a_second, self._topology = a_second, topology

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where all travel times are in their windows, or a link's window is hard."""
        relations, excess = batch.relations, self._excess(batch)
        soft = batch.linked & (self._topology.reach[relations.link] > 0.0)
        beyond = soft & (excess > 0.0)
        if not beyond.any():
            return batch.silence
        costs = batch.mean(penalty(excess, self._topology.deviation(relations.slack), self._a_second), soft)
        return np.where(batch.sum(beyond.astype(np.float64)) > 0.0, -costs, np.nan)

    def _excess(self, batch: PairBatch) -> Ratios:
        """(P,) seconds; those by which an open sighting is too early for the next one may yet go away."""
        relations, link = batch.relations, batch.relations.link
        over = np.where(batch.table.open[relations.earlier], 0.0, relations.travel - self._topology.maximum[link])
        return np.maximum(0.0, np.maximum(over, self._topology.minimum[link] - relations.travel))

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Seconds beyond the window, by the link where they are least."""
        pairs = batch.pairs(comparison)
        return float(self._excess(batch)[pairs[batch.linked[pairs]]].min())
