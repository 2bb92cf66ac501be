"""Traces of decisions: every option that was weighed, with every term, as JSON lines can hold them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from matcher.engine import Matcher
from matcher.gates import REASONS, relate
from matcher.posterior import Posterior
from matcher.scoring import Scores
from matcher.sightings import Sighting
from throughline.messages import Comparison, DecisionTrace, MatchEvent, Rejection, Share
from throughline.types import IntArray

__all__ = ["trace_to"]

_Key = tuple[tuple[int, ...], tuple[int, ...]]


def trace_to(matcher: Matcher, take: Callable[[DecisionTrace], object]) -> None:
    """Lets ``take`` have the trace of each decision from now on, in the order of the events.

    It costs about as much again as the decisions do, and changes none of them.
    """
    matcher.be_watched(_Tracer(matcher, take))


class _Tracer:
    """See `matcher.witness.Witness`."""

    def __init__(self, matcher: Matcher, take: Callable[[DecisionTrace], object]) -> None:
        self._scorer, self._table, self._take = matcher.scorer, matcher.scorer.table, take
        self._seen: dict[str, dict[_Key, tuple[Scores, int, int]]] = {}
        """By tracklet: what it was compared with, where the answer is, and the tracklet's slot. The latest answer stands."""

    def begin(self) -> None:
        self._seen.clear()

    def compared(self, lefts: IntArray, rights: IntArray, scores: Scores) -> None:
        for row, (left, right) in enumerate(zip(lefts.tolist(), rights.tolist(), strict=True)):
            key = _slots(right), _slots(left)
            for slot in key[0]:
                self._seen.setdefault(self._table.at(slot).id, {})[key] = scores, row, slot

    def decided(self, event: MatchEvent, sighting: Sighting, found: Posterior) -> None:
        options, rejected = self._comparisons(sighting, found)
        self._take(
            DecisionTrace(
                event.event,
                event.sequence,
                event.kind,
                event.site,
                event.at,
                sighting.camera,
                sighting.id,
                event.vehicle,
                found.new,
                found.probability,
                event.runner_up,
                event.margin,
                self._shares(found),
                options,
                rejected,
            )
        )

    def _comparisons(self, sighting: Sighting, found: Posterior) -> tuple[tuple[Comparison, ...], tuple[Comparison, ...]]:
        options, rejected = [], []
        for (own, other), (scores, row, slot) in self._seen.get(sighting.id, {}).items():
            log_odds = float(scores.log_odds[row])
            if math.isinf(log_odds):
                rejected.append(self._rejected(own, other))
            else:
                options.append(self._option(own, other, scores, row, slot, found))
        options.sort(key=lambda option: (-(option.log_odds or 0.0), option.tracklets, option.vehicle))
        rejected.sort(key=lambda comparison: (comparison.tracklets, comparison.vehicle))
        return tuple(options), tuple(rejected)

    def _option(
        self, own: tuple[int, ...], other: tuple[int, ...], scores: Scores, row: int, slot: int, found: Posterior
    ) -> Comparison:
        join = scores.explain(row, slot)
        chosen = found.join
        return Comparison(
            self._names(own),
            self._names(other),
            join.log_odds,
            chosen is not None and join.joined.id == chosen.joined.id and join.evidence == chosen.evidence,
            join.joined.id,
            join.link.name,
            join.travel,
            join.evidence,
            join.gates,
        )

    def _rejected(self, own: tuple[int, ...], other: tuple[int, ...]) -> Comparison:
        """With what stands in the way: pairs that cannot be one vehicle, if there are any, else all that no road joins."""
        first, second = (each.ravel() for each in np.meshgrid(np.array(other), np.array(own), indexing="ij"))
        relations = relate(self._table, self._scorer.topology, first, second)
        gates = [REASONS[gate] for gate in relations.rejected.tolist()]
        fatal = relations.impossible
        if not fatal.any():
            fatal = self._scorer.said_different(first, second)
            if fatal.any():
                gates = ["operator"] * len(gates)
            else:
                fatal = relations.link < 0
        pairs = [
            Rejection(
                gates[pair],
                self._table.at(int(relations.earlier[pair])).id,
                self._table.at(int(relations.later[pair])).id,
                float(relations.travel[pair]),
            )
            for pair in np.flatnonzero(fatal)
        ]
        return Comparison(self._names(own), self._names(other), rejected=tuple(pairs))

    def _shares(self, found: Posterior) -> tuple[Share, ...]:
        shares = [Share(self._names(vehicle.members), share) for vehicle, share in found.shares.items()]
        return tuple(sorted(shares, key=lambda share: (-share.probability, share.vehicle)))

    def _names(self, slots: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._table.at(slot).id for slot in slots)


def _slots(row: Iterable[int]) -> tuple[int, ...]:
    return tuple(slot for slot in row if slot >= 0)
