"""Scores of several trackers as one Markdown table, and who leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks._tracking_scores import TrackingScore, mean_score
from benchmarks._tracking_sets import DROPS, Drop

__all__ = ["MEAN", "Scores", "Verdict", "markdown_table", "verdicts", "with_mean"]

Scores: TypeAlias = Mapping[str, Mapping[str, Mapping[Drop, TrackingScore]]]
"""By group of sequences, tracker, and which frames were dropped."""

MEAN = "mean of the sets"
_NAMES: dict[Drop, str] = {"full": "all frames", "second": "every second dropped", "random": "random 30 % dropped"}
_SHARES = {"hota": "HOTA", "idf1": "IDF1", "mota": "MOTA"}
_BAR = ("hota", "idf1")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ours against the best of the peers, in one measure.

    Attributes:
        group: Of sequences, or `MEAN`.
        drop: Which frames were dropped.
        measure: ``hota`` or ``idf1``.
        ours: Our score.
        peer: The best peer.
        theirs: Its score.
    """

    group: str
    drop: Drop
    measure: str
    ours: float
    peer: str
    theirs: float

    @property
    def lead(self) -> float:
        """By how much ours is better; below 0 when it is not."""
        return self.ours - self.theirs

    def __str__(self) -> str:
        word = "leads" if self.lead > 0 else "is level" if self.lead == 0 else "IS BEHIND"
        return (
            f"{self.group}, {_NAMES[self.drop]}, {_SHARES[self.measure]}: ours {word}, {100 * self.ours:.1f} "
            f"against {100 * self.theirs:.1f} of the best peer ({self.peer}), {100 * self.lead:+.1f}"
        )


def with_mean(scores: Scores) -> Scores:
    """The same, and their mean over the groups as a group of its own."""
    groups = list(scores.values())
    mean = {
        tracker: {drop: mean_score([group[tracker][drop] for group in groups]) for drop in rates}
        for tracker, rates in groups[0].items()
    }
    return {**scores, MEAN: mean}


def verdicts(scores: Scores, ours: str, also_ours: frozenset[str] = frozenset()) -> list[Verdict]:
    """Ours against the best peer, for each group, rate and measure.

    Args:
        scores: Of ours and at least one peer.
        ours: Name of our tracker.
        also_ours: Names that are no peers either.
    """
    found = []
    for group, trackers in scores.items():
        for drop in trackers[ours]:
            for measure in _BAR:
                values = {name: float(getattr(rates[drop], measure)) for name, rates in trackers.items()}
                peer = max((name for name in values if name != ours and name not in also_ours), key=lambda name: values[name])
                found.append(Verdict(group, drop, measure, values[ours], peer, values[peer]))
    return found


def markdown_table(scores: Scores) -> str:
    """One row for each group and tracker; HOTA, IDF1 and MOTA in per cent, changes of identity as a count; best in bold."""
    drops = [drop for drop in DROPS if any(drop in rates for trackers in scores.values() for rates in trackers.values())]
    titles = [f"{name}, {_NAMES[drop]}" for drop in drops for name in (*_SHARES.values(), "IDSW")]
    lines = [f"| set | tracker | {' | '.join(titles)} |", f"|---|---|{'---:|' * len(titles)}"]
    for group, trackers in scores.items():
        columns = [_column(trackers, drop, measure) for drop in drops for measure in (*_SHARES, "switches")]
        lines += [f"| {group} | {tracker} | {' | '.join(cells)} |" for tracker, *cells in zip(trackers, *columns, strict=True)]
    return "\n".join(lines) + "\n"


def _column(trackers: Mapping[str, Mapping[Drop, TrackingScore]], drop: Drop, measure: str) -> list[str]:
    values = [float(getattr(rates[drop], measure)) for rates in trackers.values()]
    if measure == "switches":
        return [f"{value:.0f}" for value in values]
    texts = [f"{100 * value:.1f}" for value in values]
    best = f"{100 * max(values):.1f}"
    return [f"**{text}**" if text == best else text for text in texts]
