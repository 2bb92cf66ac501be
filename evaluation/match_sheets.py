"""Contact sheets of matches: a tracklet and what it was compared with, right ones in green and wrong ones in red."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.contact_sheet import draw_ranking, to_jpeg
from evaluation.report import Picture
from throughline.messages import DecisionTrace, MatchEvent
from throughline.types import Image

__all__ = ["Candidate", "Candidates", "candidates_of_events", "candidates_of_traces", "chosen_candidates", "draw_candidates"]

_KINDS = ("confirmed", "revised", "new")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tracklet that another one was compared with.

    Attributes:
        tracklet: Its id.
        log_odds: What spoke for one vehicle, natural logarithm.
        joined: Whether this is what was decided.
    """

    tracklet: str
    log_odds: float
    joined: bool


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a tracklet was compared with for a decision.

    Attributes:
        tracklet: Its id.
        ranked: The best first, each tracklet once; a vehicle that was seen several times stands there by the tracklet that would
            be followed.
    """

    tracklet: str
    ranked: tuple[Candidate, ...]

    def wrong(self, vehicle_of: Mapping[str, Hashable | None], found: Mapping[str, str]) -> bool:
        """Whether it was joined to another vehicle, or did not get together with its own one though that was there.

        Args:
            vehicle_of: True vehicle by tracklet id.
            found: Global vehicle id by tracklet id, in the end (`evaluation.matches.final_vehicles`).
        """
        mine = found.get(self.tracklet)
        for other in self.ranked:
            right = _same(self.tracklet, other.tracklet, vehicle_of)
            if (other.joined and not right) or (right and found.get(other.tracklet, mine) != mine):
                return True
        return False


def candidates_of_traces(traces: Iterable[DecisionTrace]) -> list[Candidates]:
    """By the last final decision about each tracklet, of full traces (``associate --trace``)."""
    last: dict[str, Candidates] = {}
    for trace in traces:
        if trace.kind not in _KINDS:
            continue
        ranked: dict[str, Candidate] = {}
        for option in trace.options:
            if option.joined is not None and option.log_odds is not None and option.joined not in ranked:
                ranked[option.joined] = Candidate(option.joined, option.log_odds, option.chosen)
        last[trace.tracklet] = Candidates(trace.tracklet, _sorted(ranked.values()))
    return list(last.values())


def candidates_of_events(events: Iterable[MatchEvent]) -> list[Candidates]:
    """By the last final decision about each tracklet, of events: these name the join and the best alternative alone."""
    last: dict[str, Candidates] = {}
    for event in events:
        if event.kind not in _KINDS:
            continue
        ranked = []
        if event.joined is not None:
            ranked.append(Candidate(event.joined.tracklet, event.log_odds or 0.0, True))
        if event.runner_up is not None and event.runner_up.tracklet is not None:
            ranked.append(Candidate(event.runner_up.tracklet, event.runner_up.log_odds, False))
        last[event.tracklet.tracklet] = Candidates(event.tracklet.tracklet, _sorted(ranked))
    return list(last.values())


def chosen_candidates(
    compared: Sequence[Candidates], vehicle_of: Mapping[str, Hashable | None], found: Mapping[str, str], wanted: int
) -> dict[str, list[Candidates]]:
    """What is worth a look, by heading: wrong decisions, then right ones; ``wanted`` of each, spread evenly over all.

    Args:
        compared: All of a run, in order.
        vehicle_of: True vehicle by tracklet id.
        found: Global vehicle id by tracklet id, in the end.
        wanted: How many of each at most.
    """
    wrong = [one for one in compared if one.wrong(vehicle_of, found)]
    joined = {one.tracklet for one in compared if any(other.joined for other in one.ranked)}
    right = [one for one in compared if one.tracklet in joined and not one.wrong(vehicle_of, found)]
    parts = {"Wrong decisions": wrong, "Right joins": right}
    return {heading: _spread(part, wanted) for heading, part in parts.items() if part}


def draw_candidates(
    one: Candidates,
    name: str,
    crop_of: Callable[[str], Image | None],
    vehicle_of: Mapping[str, Hashable | None],
    camera_of: Mapping[str, str],
    *,
    shown: int = 7,
) -> Picture:
    """A row of pictures: the tracklet, then the first ``shown`` it was compared with.

    Args:
        one: What to draw.
        name: Of the picture's file, without its ending.
        crop_of: (height, width, 3) uint8 BGR picture of a tracklet; None: there is none.
        vehicle_of: True vehicle by tracklet id.
        camera_of: Camera id by tracklet id.
        shown: How many at most.
    """

    def picture(tracklet: str) -> Image:
        crop = crop_of(tracklet)
        return np.full((64, 64, 3), 200, np.uint8) if crop is None else crop

    ranked = [
        (
            picture(other.tracklet),
            _same(one.tracklet, other.tracklet, vehicle_of),
            f"{'* ' if other.joined else ''}{other.log_odds:+.1f} {camera_of.get(other.tracklet, '')}",
        )
        for other in one.ranked[:shown]
    ]
    decision = next((f"joined to {other.tracklet}" for other in one.ranked if other.joined), "a new vehicle")
    sheet = draw_ranking(picture(one.tracklet), ranked, text=camera_of.get(one.tracklet, ""))
    return Picture(f"{name}.jpg", f"{one.tracklet}: {decision}", to_jpeg(sheet))


def _same(first: str, second: str, vehicle_of: Mapping[str, Hashable | None]) -> bool:
    vehicle = vehicle_of.get(first)
    return vehicle is not None and vehicle == vehicle_of.get(second)


def _sorted(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda one: (-one.log_odds, one.tracklet)))


def _spread(part: Sequence[Candidates], wanted: int) -> list[Candidates]:
    places = np.unique(np.linspace(0, len(part) - 1, min(wanted, len(part))).astype(np.int64))
    return [part[place] for place in places.tolist()]
