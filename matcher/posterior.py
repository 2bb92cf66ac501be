"""How probable a tracklet's vehicle is, against all its alternatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matcher.assignment import marginals
from matcher.grouping import Grouping
from matcher.neighbours import Neighbours
from matcher.scoring import RecentScores, Score
from matcher.sightings import Sighting
from matcher.vehicles import Vehicle, Vehicles
from throughline.messages import RunnerUp

__all__ = ["Posterior", "posterior"]

_SCALE = 1.0
"""One factor on all log-odds, for the evidence that terms have in common."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """What was weighed about one tracklet.

    Attributes:
        score: Of the vehicle that it is in; None when it is alone there.
        probability: Of the vehicle that it is in, or of being new when it is alone (or the first) there.
        runner_up: The best alternative.
        margin: How far its own log-odds (0 for a new vehicle) are above the runner-up's.
        shares: Probability by vehicle.
    """

    score: Score | None
    probability: float
    runner_up: RunnerUp
    margin: float
    shares: dict[Vehicle, float]


def posterior(
    sighting: Sighting, *, as_new: bool, vehicles: Vehicles, neighbours: Neighbours, grouping: Grouping, scores: RecentScores
) -> Posterior:
    """Weighs a tracklet's vehicle against the others that it could be, and against being new.

    Tracklets of the same camera that could be one of these vehicles compete for them: the probability is the marginal
    over all one-to-one assignments.

    Args:
        sighting: The tracklet.
        as_new: It is the first of its vehicle: later members of it are no alternatives.
        vehicles: The grouping so far.
        neighbours: Pairs that passed the gates.
        grouping: What lists the options.
        scores: Gates and evidence.
    """
    own = vehicles.of(sighting.id)
    rivals = _rivals(sighting, own, vehicles, neighbours, grouping)
    taken_out = frozenset((sighting.id, *(rival.id for rival in rivals)))
    options = grouping.options((sighting,), taken_out)
    if as_new and own is not None:
        options.pop(own, None)
    rows = [{vehicle: _SCALE * score.log_odds for vehicle, score in options.items()}]
    for unit in grouping.units(rivals).values():
        competing = grouping.options(unit, taken_out)
        rows.append({vehicle: _SCALE * score.log_odds for vehicle, score in competing.items() if vehicle in options})
    shares = marginals(rows)[0]
    score = None
    if own is not None and not as_new:
        score = options.get(own) or scores.score(own.without((sighting.id,)), (sighting,))
    others = [(found.log_odds, vehicle) for vehicle, found in options.items() if vehicle is not own]
    best = max(others, key=lambda found: (found[0], -found[1].number), default=None)
    log_odds = 0.0 if score is None else score.log_odds
    if best is None or (score is not None and best[0] <= 0.0):
        runner_up = RunnerUp(0.0 if score is not None else -math.inf)
    else:
        joined = options[best[1]].comparison.main()
        other = joined.earlier if joined.later is sighting else joined.later
        runner_up = RunnerUp(best[0], other.id, other.camera)
    probability = shares.get(own, 0.0) if own is not None and score is not None else 1.0 - sum(shares.values())
    return Posterior(score, min(1.0, max(0.0, probability)), runner_up, log_odds - runner_up.log_odds, shares)


def _rivals(
    sighting: Sighting, own: Vehicle | None, vehicles: Vehicles, neighbours: Neighbours, grouping: Grouping
) -> list[Sighting]:
    wanted = {vehicle: None for other in neighbours.of(sighting.id) if (vehicle := vehicles.of(other)) is not None}
    found: dict[str, Sighting] = {}
    for vehicle in wanted:
        for member in vehicle.members:
            for tracklet in neighbours.of(member):
                rival = neighbours.gallery.get(tracklet)
                if (
                    rival is not None
                    and rival.camera == sighting.camera
                    and rival.id != sighting.id
                    and vehicles.of(rival.id) is not own
                    and grouping.movable(rival.id)
                ):
                    found[rival.id] = rival
    return sorted(found.values(), key=lambda rival: rival.order)
