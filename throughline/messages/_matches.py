"""The events of ``throughline.matches``: decisions, with their reasons."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from throughline.times import Instant

__all__ = ["Evidence", "Gate", "MatchEvent", "MatchKind", "RunnerUp", "TrackletRef"]

MatchKind: TypeAlias = Literal["provisional", "confirmed", "revised", "retracted", "new", "watchlist"]


class TrackletRef(msgspec.Struct, frozen=True, gc=False):
    """A tracklet as a match event names it."""

    camera: str
    tracklet: str
    start: Instant
    end: Instant
    best_shot: str | None = None


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One term of a decision.

    Attributes:
        term: Name of the term, such as ``appearance``.
        llr: Log-likelihood ratio, natural logarithm: positive speaks for the join. Terms add.
        raw: The measured value behind it (cosine, seconds, metres ...).
        unit: Unit of ``raw``.
    """

    term: str
    llr: float
    raw: float | None = None
    unit: str = ""


class Gate(msgspec.Struct, frozen=True, gc=False):
    """A hard test that this pair passed.

    Attributes:
        gate: Name of the gate, such as ``travel_window``.
        value: The tested value.
        low: Least value allowed.
        high: Largest value allowed.
    """

    gate: str
    value: float
    low: float | None = None
    high: float | None = None


class RunnerUp(msgspec.Struct, frozen=True, gc=False):
    """The best alternative to the join: another tracklet, or (``tracklet`` absent) a new vehicle."""

    log_odds: float
    tracklet: str | None = None
    camera: str | None = None


class MatchEvent(msgspec.Struct, frozen=True, gc=False):
    """A decision about a tracklet: which vehicle it shows.

    Attributes:
        event: Deterministic: the same decision always has the same id.
        sequence: 1, 2, 3 ... within the site.
        kind: ``provisional``, ``confirmed``, ``revised``, ``retracted``, ``new`` or ``watchlist``.
        site: Site id.
        vehicle: Global vehicle id.
        tracklet: The tracklet that the event is about.
        at: Event time: the site's watermark (or the record's own time) at which the decision was made.
        joined: The earlier tracklet that it was joined to; absent in ``new``.
        link: ``<from>-><to>`` of the road it came by.
        travel_time: Seconds from the end of ``joined`` to the start of ``tracklet``; negative for overlapping views.
        probability: Posterior of this decision against all its alternatives, 'a new vehicle' included.
        log_odds: Sum of the evidence, the link's prior included.
        evidence: Each term.
        gates: Each gate passed.
        runner_up: The best alternative.
        margin: ``log_odds`` minus the runner-up's.
        replaces: The event that this one revises or retracts.
        reason: Why a decision was revised or retracted, in words.
        configuration: Hash of the settings that decide.
        models: Hash by model name.
    """

    event: str
    sequence: int
    kind: MatchKind
    site: str
    vehicle: str
    tracklet: TrackletRef
    at: Instant
    joined: TrackletRef | None = None
    link: str | None = None
    travel_time: float | None = None
    probability: float | None = None
    log_odds: float | None = None
    evidence: tuple[Evidence, ...] = ()
    gates: tuple[Gate, ...] = ()
    runner_up: RunnerUp | None = None
    margin: float | None = None
    replaces: str | None = None
    reason: str | None = None
    configuration: str = ""
    models: dict[str, str] = {}
