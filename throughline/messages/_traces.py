"""What was weighed for a decision, in full: lines of the files that ``--trace`` writes. They do not travel over Kafka."""

from __future__ import annotations

import msgspec

from throughline.messages._matches import Evidence, Gate, MatchKind, RunnerUp
from throughline.times import Instant

__all__ = ["Comparison", "DecisionTrace", "Rejection", "Share"]


class Rejection(msgspec.Struct, frozen=True):
    """Two tracklets that cannot follow each other straight.

    Attributes:
        gate: Which gate they did not pass: ``travel_window``, ``no_link`` ..., or ``operator``: a correction keeps them apart.
        earlier: The one that started first.
        later: The other.
        travel_time: Seconds from the end of the one to the start of the other.
    """

    gate: str
    earlier: str
    later: str
    travel_time: float


class Comparison(msgspec.Struct, frozen=True):
    """The tracklet weighed against a vehicle that it could be.

    Attributes:
        tracklets: The tracklet, and parts of the same track that were weighed together with it.
        vehicle: Tracklets of the vehicle that it was compared with.
        log_odds: Sum of the evidence; absent where a gate rejected the comparison.
        chosen: Whether this is the join that was decided.
        joined: The vehicle's tracklet that it would follow.
        link: ``<from>-><to>`` of the road it would have come by.
        travel_time: Seconds on it.
        evidence: Each term.
        gates: Each gate passed.
        rejected: Pairs of tracklets that did not pass.
    """

    tracklets: tuple[str, ...]
    vehicle: tuple[str, ...]
    log_odds: float | None = None
    chosen: bool = False
    joined: str | None = None
    link: str | None = None
    travel_time: float | None = None
    evidence: tuple[Evidence, ...] = ()
    gates: tuple[Gate, ...] = ()
    rejected: tuple[Rejection, ...] = ()


class Share(msgspec.Struct, frozen=True):
    """What is left of an option against the competition of other tracklets for it.

    Attributes:
        vehicle: Tracklets of the vehicle.
        probability: That the tracklet is this vehicle.
    """

    vehicle: tuple[str, ...]
    probability: float


class DecisionTrace(msgspec.Struct, frozen=True):
    """One decision and all that was weighed for it.

    Attributes:
        event: Id of the match event.
        sequence: Its number within the site.
        kind: Its kind; ``watchlist`` events choose among nothing and have no trace.
        site: Site id.
        at: Event time of the decision.
        camera: Camera of the tracklet.
        tracklet: The tracklet that was decided about.
        vehicle: Global vehicle id that it was given.
        new: Probability that it is a vehicle not seen before.
        probability: Of what was decided.
        runner_up: The best alternative.
        margin: The log-odds of what was decided minus the runner-up's; absent where nothing else was possible.
        shares: Final decisions only: probability by vehicle, the most probable first.
        options: Every comparison that passed the gates at this instant, the best first. The same vehicle can stand here several
            times, as it was before and after it took in others.
        rejected: Every comparison that did not pass.
    """

    event: str
    sequence: int
    kind: MatchKind
    site: str
    at: Instant
    camera: str
    tracklet: str
    vehicle: str
    new: float
    probability: float
    runner_up: RunnerUp | None = None
    margin: float | None = None
    shares: tuple[Share, ...] = ()
    options: tuple[Comparison, ...] = ()
    rejected: tuple[Comparison, ...] = ()
