from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np

from matcher.crossover import Crossover
from matcher.decisions import Decision, Decisions
from matcher.gallery import Gallery
from matcher.options import Options
from matcher.readings import Readings
from matcher.sightings import look
from matcher.table import SightingTable
from matcher.topology import Topology
from matcher.vehicles import Vehicles
from tests.support.traffic import START, chain_site, tracklet


class Street:
    """Vehicles a and b at cameras c1, c2 and c3, with log-odds that a test states; all that it does not state is impossible."""

    def __init__(self, groups: Sequence[Sequence[str]], log_odds: dict[tuple[str, str], float]) -> None:
        site = chain_site()
        topology = Topology(site)
        self.table = SightingTable(topology, Readings.of(site))
        self.gallery = Gallery(self.table, topology)
        self.vehicles, self.decisions = Vehicles(self.table), Decisions()
        self.decisions.now = START
        self._log_odds = log_odds
        self.slots: dict[str, int] = {}
        for group in groups:
            for name in group:
                start = 25.0 * (int(name[1]) - 1) + (1.0 if name[0] == "b" else 0.0)
                slot = self.gallery.put(look(tracklet(f"c{name[1]}", start, start + 5.0, name=name)))
                self.slots[name] = slot
                first = self.slots[group[0]]
                self.vehicles.put(slot)
                self.vehicles.move(slot, self.vehicles.of(first))
        self.crossover = Crossover(self.table, self.gallery, self.vehicles, cast("Options", self), self.decisions)

    def scores(self, comparisons: Sequence[tuple[Sequence[int], Sequence[int]]]) -> SimpleNamespace:
        """As `Options.scores`."""
        return SimpleNamespace(log_odds=np.array([self._log_odds.get(self._named(pair), -np.inf) for pair in comparisons]))

    def _named(self, pair: tuple[Sequence[int], Sequence[int]]) -> tuple[str, str]:
        left, right = (" ".join(self.table.at(slot).id for slot in side) for side in pair)
        return left, right

    def published(self, name: str, settled: int) -> None:
        self.decisions.put(self.slots[name], Decision("v", None, "e", 1, settled))

    def improve(self, name: str) -> set[str]:
        return {self.table.at(slot).id for slot in self.crossover.improve([self.slots[name]])}

    @property
    def groups(self) -> set[str]:
        vehicles = {self.vehicles.of(slot) for slot in self.slots.values()}
        return {" ".join(self.table.at(slot).id for slot in vehicle or ()) for vehicle in vehicles}


TAKEN = {("a1", "a2"): 5.0, ("a1", "b2 b3"): 3.0}
"""b2 and b3 were said to follow a1, from which a2 comes in truth."""


def test_what_was_wrongly_said_to_follow_gives_way_as_a_whole() -> None:
    street = Street([["a1", "b2", "b3"], ["a2"]], TAKEN)
    assert street.improve("a2") == {"a1", "a2", "b2", "b3"}
    assert street.groups == {"a1 a2", "b2 b3"}


def test_tails_are_exchanged_where_both_fit() -> None:
    odds = TAKEN | {("b1", "a2"): 4.0, ("b1", "b2 b3"): 2.5}
    street = Street([["a1", "b2", "b3"], ["b1", "a2"]], odds)
    assert street.improve("a2"), "5 and 2.5 are more than 3 and 4"
    assert street.groups == {"a1 a2", "b1 b2 b3"}


def test_nothing_is_exchanged_for_less() -> None:
    odds = TAKEN | {("b1", "a2"): 4.0, ("b1", "b2 b3"): 1.5}
    street = Street([["a1", "b2", "b3"], ["b1", "a2"]], odds)
    assert not street.improve("a2")
    assert street.groups == {"a1 b2 b3", "b1 a2"}


def test_parts_that_do_not_fit_stay_apart() -> None:
    odds = TAKEN | {("b1", "a2"): 1.0, ("b1", "b2 b3"): -1.0}
    street = Street([["a1", "b2", "b3"], ["b1", "a2"]], odds)
    assert street.improve("a2")
    assert street.groups == {"a1 a2", "b1", "b2 b3"}


def test_what_is_published_gives_way_to_much_better_only_and_what_is_settled_never() -> None:
    close = Street([["a1", "b2", "b3"], ["a2"]], {("a1", "a2"): 4.5, ("a1", "b2 b3"): 3.0})
    close.published("b2", START + 10)
    assert not close.improve("a2")
    better = Street([["a1", "b2", "b3"], ["a2"]], {("a1", "a2"): 5.5, ("a1", "b2 b3"): 3.0})
    better.published("b2", START + 10)
    assert better.improve("a2")
    settled = Street([["a1", "b2", "b3"], ["a2"]], {("a1", "a2"): 9.0, ("a1", "b2 b3"): 3.0})
    settled.published("b3", START - 10)
    assert not settled.improve("a2")
    assert settled.groups == {"a1 b2 b3", "a2"}
