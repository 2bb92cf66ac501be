"""The same evidence weighed pair by pair: what a matcher without batches would do, as a yardstick in the same run."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from matcher import Matcher
from throughline.times import MICROSECONDS
from throughline.types import IntArray

__all__ = ["Peer", "one_by_one"]

_ASKED = 16
_OTHERS = 64


class Peer(NamedTuple):
    """What weighing took, of the very same comparisons.

    Attributes:
        comparisons: How many.
        batched: Seconds of core time, all at once.
        single: Seconds of core time, one after the other.
        equal: Whether both came to the same log-odds, bit for bit.
    """

    comparisons: int
    batched: float
    single: float
    equal: bool


def one_by_one(matcher: Matcher, rounds: int = 3) -> Peer:
    """Weighs the latest sightings in memory against those that could have come before, in both ways; the best of a few rounds."""
    lefts, rights = _pairs(matcher)
    scorer = matcher.scorer
    batched, single = [], []
    together = apart = np.zeros(0)
    for _ in range(rounds):
        begun = time.thread_time()
        together = scorer.score(lefts, rights).log_odds
        batched.append(time.thread_time() - begun)
        begun = time.thread_time()
        found = [scorer.score(lefts[k : k + 1], rights[k : k + 1]).log_odds for k in range(len(lefts))]
        single.append(time.thread_time() - begun)
        apart = np.concatenate(found) if found else apart
    return Peer(len(lefts), min(batched), min(single), bool(np.array_equal(together, apart)))


def _pairs(
    matcher: Matcher,
) -> tuple[IntArray, IntArray]:
    """(P, 1) slots of those before, and of those after."""
    table, topology = matcher.scorer.table, matcher.topology
    used = np.array([slot for slot, one in enumerate(table.sightings) if one is not None and not one.open], np.int64)
    lefts: list[int] = []
    rights: list[int] = []
    for slot in used[np.argsort(table.start[used], kind="stable")][-_ASKED:].tolist():
        travel = (table.start[slot] - table.end[used]) / MICROSECONDS
        link = topology.find(table.camera[used], np.full(len(used), table.camera[slot]))
        fits = (link >= 0) & (travel >= topology.minimum[link]) & (travel <= topology.maximum[link])
        fits &= table.camera[used] != table.camera[slot]
        near = used[fits][:_OTHERS].tolist()
        lefts += near
        rights += [slot] * len(near)
    return np.array(lefts, np.int64).reshape(-1, 1), np.array(rights, np.int64).reshape(-1, 1)
