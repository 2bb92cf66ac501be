"""How likely a travel time is on a road, compared with any time."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from matcher.evidence.term import PairBatch, Ratios
from matcher.topology import Link, Topology

__all__ = ["TravelTimeDensity", "TravelTimeTerm"]

_CELLS = 400
_FLOOR = 0.05
"""Share of passages whose time may be anything in the window."""
_PRIOR_STRENGTH = 5.0
"""How many passages the site file's travel time counts for."""
_MEMORY = 200
"""Passages remembered for each link."""
_FORGETTING = 0.99
"""Weight of a passage against that of the next one."""
_LEAST_BANDWIDTH = 0.25
"""Seconds: a passage teaches this much about its neighbourhood, at least."""
_NEWS = 0.05
"""Share of passages that must be new before the density is estimated again."""
_ELSEWHERE = 400
"""Passages remembered of all links together."""
_ELSEWHERE_BANDWIDTH = 1.0
"""Seconds: a passage teaches this much about other links' times, at least."""


class _Passages:
    """Travel times and how sure each is, smoothed with a normal kernel of Silverman's width; old ones fade.

    Args:
        most: How many are remembered.
        forgetting: Weight of a passage against that of the next one.
        bandwidth: Least width of the kernel in seconds.
    """

    def __init__(self, most: int, forgetting: float, bandwidth: float) -> None:
        self._forgetting, self._bandwidth = forgetting, bandwidth
        self._known: deque[tuple[float, float]] = deque(maxlen=most)
        self._new = 0
        self._smoothed: dict[tuple[float, float], tuple[npt.NDArray[np.float64], float]] = {}

    def learn(self, seconds: float, probability: float) -> bool:
        """A passage; whether there are so many new ones that the next estimate will be another."""
        self._known.append((seconds, probability))
        self._new += 1
        if self._new > _NEWS * len(self._known):
            self._new = 0
            self._smoothed.clear()
            return True
        return False

    def smoothed(self, centres: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
        """(cells,) density around evenly spaced ``centres``, times the weight of all passages; and that weight.

        It is estimated again when `learn` has said so.
        """
        if not self._known:
            return np.zeros(len(centres)), 0.0
        domain = float(centres[0]), float(centres[-1])
        if domain not in self._smoothed:
            self._smoothed[domain] = self._estimate(centres)
        return self._smoothed[domain]

    def _estimate(self, centres: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
        width = float(centres[1] - centres[0])
        seconds, probabilities = np.array(self._known).T
        weights = probabilities * self._forgetting ** np.arange(len(seconds))[::-1]
        low, high = np.quantile(seconds, (0.25, 0.75))
        few = 0.1 * width * len(centres)
        spread = min(float(seconds.std()), float(high - low) / 1.34) if len(seconds) > 2 else few
        bandwidth = max(0.9 * spread * len(seconds) ** -0.2, self._bandwidth, width)
        kernels = np.exp(-0.5 * ((centres[:, None] - seconds) / bandwidth) ** 2)
        masses = kernels.sum(axis=0) * width
        return kernels @ np.where(masses > 0.0, weights / np.maximum(masses, 1e-12), 0.0), float(weights.sum())


class TravelTimeDensity:
    """Density of the travel time on one link, drawn toward what the site file says and learned from passages.

    The prior falls off on both sides of the typical time, by a factor of e^4 up to the ends of the window. Passages are
    smoothed. A uniform floor keeps every time in the window possible.

    Args:
        link: The link.
        elsewhere: Passages by any link of the site, which the prior is drawn toward; None: it is not.
    """

    def __init__(self, link: Link, elsewhere: _Passages | None = None, penalty: float = 1.0) -> None:
        self._minimum, self._window = link.minimum - link.reach, link.window
        self._width = (link.window + 2.0 * link.reach) / _CELLS
        self._centres = np.asarray(self._minimum + (np.arange(_CELLS) + 0.5) * self._width, np.float64)
        excess = np.maximum(0.0, np.maximum(link.minimum - self._centres, self._centres - link.maximum))
        self._floor = _FLOOR / self._window * np.exp(-penalty * excess)
        self._penalty = penalty * excess
        below = max(link.typical - link.minimum, self._width)
        above = max(link.maximum - link.typical, self._width)
        distance = self._centres - link.typical
        shape = np.exp(-4.0 * np.abs(distance) / np.where(distance < 0, below, above))
        self._prior = shape / (shape.sum() * self._width)
        self._elsewhere = elsewhere
        self._passages = _Passages(_MEMORY, _FORGETTING, _LEAST_BANDWIDTH)
        self._density: npt.NDArray[np.float64] | None = None

    def learn(self, seconds: float, probability: float) -> None:
        """A passage that took this long, as sure as this."""
        if self._passages.learn(seconds, probability):
            self.renew()

    def renew(self) -> None:
        """There is more to learn from: the density is estimated again."""
        self._density = None

    @property
    def is_old(self) -> bool:
        """Whether it has learned so much that `log_ratios` will be others."""
        return self._density is None

    def log_ratios(self) -> npt.NDArray[np.float64]:
        """(cells,) log of the density over that of the background, in which any time in the window is as likely."""
        if self._density is None:
            self._density = self._estimate()
        return np.asarray(np.log(self._density * self._window) + self._penalty)

    def ratio(self, seconds: float) -> float:
        """The log ratio of one travel time; beyond the window's ends it is that of the end."""
        return float(self.log_ratios()[min(max(int((seconds - self._minimum) / self._width), 0), _CELLS - 1)])

    def _estimate(self) -> npt.NDArray[np.float64]:
        prior = self._prior
        if self._elsewhere is not None:
            shape, weight = self._elsewhere.smoothed(self._centres)
            prior = (_PRIOR_STRENGTH * prior + shape) / (_PRIOR_STRENGTH + weight)
        passed, weight = self._passages.smoothed(self._centres)
        estimate = (_PRIOR_STRENGTH * prior + passed) / (_PRIOR_STRENGTH + weight)
        return np.asarray((1.0 - _FLOOR) * estimate + self._floor)

    @property
    def mean(self) -> float:
        """Expected travel time in seconds."""
        if self._density is None:
            self._density = self._estimate()
        return float((self._centres * self._density).sum() * self._width)

    def quantile(self, share: float) -> float:
        """Travel time in seconds that this share of passages is expected not to exceed, of those that need not take any time."""
        if self._density is None:
            self._density = self._estimate()
        without_floor = np.cumsum(np.maximum(self._density - self._floor, 0.0))
        return float(np.interp(share * without_floor[-1], without_floor, self._centres + 0.5 * self._width))


class TravelTimeTerm:
    """The travel time from one camera to the next; the mean over the links that join two vehicles' sightings.

    What is expected of links that nobody has listed is what vehicles need anywhere on the site, as in empirical Bayes
    estimation: the first passages between any two cameras say whether views lie beside each other or minutes apart.

    Args:
        topology: Links.
    """

    name = "travel_time"
    unit = "s"

    def __init__(self, topology: Topology, penalty: float = 1.0) -> None:
        self._topology, self._penalty = topology, penalty
        self._densities: dict[int, TravelTimeDensity] = {}
        self._known = np.zeros(len(topology.links), np.bool_)
        self._ratios = np.zeros((len(topology.links), _CELLS), np.float32)
        self._beginning = topology.minimum - topology.reach
        self._cells_a_second = _CELLS / (topology.maximum - topology.minimum + 2.0 * topology.reach)
        self._learned: dict[int, None] = {}
        self._elsewhere = _Passages(_ELSEWHERE, 1.0, _ELSEWHERE_BANDWIDTH)
        self._elsewhere_is_new = False
        self._learns_elsewhere = bool(topology.learned.any())

    def density(self, link: int) -> TravelTimeDensity:
        """What is known of the travel time of the link with this number."""
        if link not in self._densities:
            elsewhere = self._elsewhere if self._topology.learned[link] else None
            self._densities[link] = TravelTimeDensity(self._topology.links[link], elsewhere, self._penalty)
        return self._densities[link]

    def learn(self, link: int, seconds: float, probability: float) -> None:
        """A passage that took this long, as sure as this; it comes into force with the next `refresh`."""
        self.density(link).learn(seconds, probability)
        self._learned[link] = None
        if self._learns_elsewhere and link < self._topology.between:
            self._elsewhere_is_new |= self._elsewhere.learn(seconds, probability)

    def refresh(self) -> None:
        """What has been learned comes into force."""
        if self._elsewhere_is_new:
            self._elsewhere_is_new = False
            for link, density in self._densities.items():
                if self._topology.learned[link]:
                    density.renew()
                    self._known[link] = False
        for link in self._learned:
            if self._densities[link].is_old:
                self._known[link] = False
        self._learned.clear()

    def weigh(self, batch: PairBatch) -> Ratios:
        """An end that is not known yet gives no evidence."""
        relations = batch.relations
        usable = batch.linked & ~batch.table.open[relations.earlier]
        link = relations.link
        known = self._known[link]
        if not known.all():
            for number in np.unique(link[~known & usable]).tolist():
                self._ratios[number] = self.density(number).log_ratios()
                self._known[number] = True
        seconds = (relations.travel - self._beginning[link]) * self._cells_a_second[link]
        cells = np.minimum(np.maximum(seconds, 0.0), _CELLS - 1.0).astype(np.int64)
        return batch.mean(self._ratios[link, cells].astype(np.float64), usable)

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """The travel time by the link that is closest in time."""
        pairs = batch.pairs(comparison)
        return float(min(batch.relations.travel[pairs[batch.linked[pairs]]].tolist(), key=abs))
