"""What is told of one run of the matcher on a city: identities, passages, delays, probabilities, travel times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.city.association import Associated
from benchmarks.city.truth import CityTruth
from evaluation.delays import Delays
from evaluation.match_report import MatchReport, link_name
from evaluation.matches import score_matches
from evaluation.mtmc import MtmcReport, evaluate_mtmc
from evaluation.mtmc_filters import MtmcFilters
from simulation.city import Scenario
from throughline.times import seconds_between

__all__ = ["LearnedTravel", "Measured", "identities", "learned_travel", "measured"]

ENOUGH = 200
"""Passages by a link after which its travel time should be known."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run.

    Attributes:
        all: All vehicles of the truth.
        several: By the AI City Challenge's rule: vehicles that one camera alone saw count neither way, found or true.
        matches: Passages, delays of right decisions, probabilities.
        judged: From the first good frame to when a tracklet was weighed for the first time against those it could follow.
        provisional: The same to its first provisional event, right or wrong.
    """

    all: MtmcReport
    several: MtmcReport
    matches: MatchReport
    judged: Delays
    provisional: Delays

    def to_json(self) -> dict[str, Any]:
        """Plain values, for one JSON object."""
        return {
            "all": self.all.to_json(),
            "several_cameras": self.several.to_json(),
            "matches": self.matches.to_json(),
            "first_good_frame_to_first_weighed_seconds": self.judged.to_json(),
            "first_good_frame_to_first_provisional_seconds": self.provisional.to_json(),
        }


def identities(truth: CityTruth, ids: Mapping[str, int]) -> tuple[MtmcReport, MtmcReport]:
    """Ids by tracklet id against the truth: of all vehicles, and of those that several cameras saw."""
    rows = truth.rows_with(ids)
    return evaluate_mtmc(truth.rows, rows), evaluate_mtmc(truth.rows, rows, filters=MtmcFilters(several_cameras=True))


def measured(truth: CityTruth, run: Associated) -> Measured:
    """Compares a run with the truth."""
    good = truth.matches.first_good
    first: dict[str, float] = {}
    for event in run.events:
        tracklet = event.tracklet.tracklet
        if event.kind == "provisional" and tracklet in good:
            first.setdefault(tracklet, seconds_between(good[tracklet], run.told[event.event]))
    weighed = (seconds_between(good[one], at) for one, at in run.weighed.items() if one in good)
    return Measured(
        *identities(truth, run.ids(truth.boxes)),
        score_matches(run.events, truth.matches, told=run.told),
        Delays(tuple(weighed)),
        Delays(tuple(first.values())),
    )


@dataclass(frozen=True, slots=True)
class LearnedTravel:
    """What was learned of one link's travel time.

    Attributes:
        link: ``<from>-><to>``.
        passages: True ones.
        true: Median of the last `ENOUGH` true travel times, seconds; negative where views overlap.
        said: What the site file says is typical.
        learned: Median that the matcher has learned.
    """

    link: str
    passages: int
    true: float
    said: float
    learned: float

    @property
    def error(self) -> float:
        """Of what was learned, as a share of the truth."""
        return abs(self.learned - self.true) / abs(self.true)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in (*self.__slots__, "error")}


def learned_travel(scenario: Scenario, run: Associated, least: int = ENOUGH) -> Sequence[LearnedTravel]:
    """Of all links that so many vehicles took."""
    found = []
    topology, term = run.matcher.topology, run.matcher.scorer.travel_time
    for number, link in enumerate(topology.links[: topology.between]):
        times = scenario.links.get((link.from_, link.to))
        if times is not None and len(times) >= least:
            true = float(np.median(times[-ENOUGH:]))
            learned = term.density(number).quantile(0.5)
            found.append(LearnedTravel(link_name(link.from_, link.to), len(times), true, link.typical, learned))
    return found
