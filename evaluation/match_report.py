"""What is told of match events that were compared with the truth: by link, delays, probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.calibration import CalibrationReport
from evaluation.charts import delay_chart, reliability_chart
from evaluation.delays import QUANTILES, Delays
from evaluation.pairs import PairScore
from evaluation.passages import Passage, PassageScore
from evaluation.report import Block, Cell, Picture, Report, Table

__all__ = ["MatchReport", "link_name"]

_KINDS = ("provisional", "confirmed", "revised", "retracted", "new", "watchlist")


@dataclass(frozen=True, slots=True)
class MatchReport:
    """How right the match events of a run were, and how soon; see `evaluation.matches.score_matches`.

    Attributes:
        passages: Passages matched, missed and wrong, also by link.
        untracked: Missed passages of which one of the two cameras has no tracklet.
        provisional: By (from, to), delays from the first good frame to the first right decision of any kind.
        confirmed: The same to the first right final decision.
        calibration: Of the joins at their first ``confirmed``.
        pairs: Of the pairs of tracklets, those with one global vehicle id; tracklets that show no vehicle are left out.
        kinds: How many events there were of each kind.
    """

    passages: PassageScore
    untracked: tuple[Passage, ...]
    provisional: Mapping[tuple[str, str], Delays]
    confirmed: Mapping[tuple[str, str], Delays]
    calibration: CalibrationReport
    pairs: PairScore
    kinds: Mapping[str, int]

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """(from, to) of all links with a true passage or a wrong join; from and to are one camera for parts of a track."""
        return tuple(self.passages.by_link)

    @property
    def provisional_delays(self) -> Delays:
        """Of all links."""
        return Delays.pooled(self.provisional.values())

    @property
    def confirmed_delays(self) -> Delays:
        """Of all links."""
        return Delays.pooled(self.confirmed.values())

    def to_json(self) -> dict[str, object]:
        """Plain values, for one JSON object."""
        score = self.passages
        return {
            "true_passages": len(score.matched) + len(score.missed),
            "matched": len(score.matched),
            "missed": len(score.missed),
            "missed_not_tracked": len(self.untracked),
            "wrong": len(score.wrong),
            "unlisted": len(score.unlisted),
            "precision": score.precision,
            "recall": score.recall,
            "pair_f1": self.pairs.f1,
            "pair_precision": self.pairs.precision,
            "pair_recall": self.pairs.recall,
            "first_good_frame_to_provisional_seconds": self.provisional_delays.to_json(),
            "first_good_frame_to_confirmed_seconds": self.confirmed_delays.to_json(),
            "calibration": self.calibration.to_json(),
            "events": {kind: self.kinds.get(kind, 0) for kind in _KINDS},
            "links": {link_name(*link): self._link_json(link) for link in self.links},
        }

    def to_markdown(self) -> str:
        """The report for people, without pictures."""
        return self.to_report().to_markdown()

    def to_report(self, title: str = "Matches against the truth", sheets: Sequence[tuple[str, Sequence[Picture]]] = ()) -> Report:
        """The report for people.

        Args:
            title: Its heading.
            sheets: Pictures to look at, by heading.
        """
        score = self.passages
        true = len(score.matched) + len(score.missed)
        opening: list[Block] = [
            f"{len(score.matched)} of {true} true passages from camera to camera were matched; {len(score.missed)} were missed, "
            f"{len(self.untracked)} of them not tracked by one of the two cameras. Wrong joins: {len(score.wrong)}"
            + (f"; {len(score.unlisted)} right ones are of no passage that is listed." if score.unlisted else "."),
            Table(
                ("precision", "recall", "pairwise F1", "calibration error", "provisional p99", "confirmed p99"),
                [
                    (
                        score.precision,
                        score.recall,
                        self.pairs.f1,
                        self.calibration.error,
                        _seconds(self.provisional_delays.quantile(0.99)),
                        _seconds(self.confirmed_delays.quantile(0.99)),
                    )
                ],
            ),
        ]
        sections = [("By link", self._by_link()), ("Delay", self._delay()), ("Probabilities", self._probabilities())]
        events = Table(("event", "count"), [(kind, self.kinds[kind]) for kind in _KINDS if kind in self.kinds])
        return Report(title, opening, [*sections, ("Events", [events]), *sheets])

    def _link_json(self, link: tuple[str, str]) -> dict[str, object]:
        score = self.passages.by_link[link]
        return {
            "matched": len(score.matched),
            "missed": len(score.missed),
            "missed_not_tracked": self._untracked_on(link),
            "wrong": len(score.wrong),
            "precision": score.precision,
            "recall": score.recall,
            "first_good_frame_to_provisional_seconds": self.provisional.get(link, Delays()).to_json(),
            "first_good_frame_to_confirmed_seconds": self.confirmed.get(link, Delays()).to_json(),
        }

    def _untracked_on(self, link: tuple[str, str]) -> int:
        return sum((missed.from_, missed.to) == link for missed in self.untracked)

    def _by_link(self) -> list[Block]:
        header = ("link", "matched", "missed", "not tracked", "wrong", "precision", "recall", "provisional p50", "confirmed p50")
        rows: list[Sequence[Cell]] = []
        for link in self.links:
            score = self.passages.by_link[link]
            delays = (_seconds(times.get(link, Delays()).quantile(0.5)) for times in (self.provisional, self.confirmed))
            counts = len(score.matched), len(score.missed), self._untracked_on(link), len(score.wrong)
            rows.append((link_name(*link), *counts, score.precision, score.recall, *delays))
        return [Table(header, rows)] if rows else ["There was no true passage, and no wrong join."]

    def _delay(self) -> list[Block]:
        parts = {"provisional": self.provisional_delays, "confirmed": self.confirmed_delays}
        told = "From the first good frame of a vehicle at the camera that it came to, to the first right decision."
        rows: list[Sequence[Cell]] = [
            (name, len(one.seconds), *(_seconds(value) for value in one.quantiles().values())) for name, one in parts.items()
        ]
        blocks: list[Block] = [told, Table(("decision", "passages", *QUANTILES), rows)]
        chart = delay_chart({name: one.seconds for name, one in parts.items() if one.seconds})
        return [*blocks, chart] if chart is not None else blocks

    def _probabilities(self) -> list[Block]:
        report = self.calibration
        told = (
            f"{report.count} joins at their first confirmation, {report.coverage:.1%} of all first final decisions: expected "
            f"calibration error {report.error:.4f} over bins of equal mass, Brier score {report.brier:.4f}."
        )
        if not report.bins:
            return ["No join was confirmed."]
        rows = [(part.count, part.probability, part.right) for part in report.bins]
        return [told, reliability_chart(report), Table(("joins", "mean probability", "right"), rows)]


def link_name(origin: str, destination: str) -> str:
    """A link as reports name it."""
    return f"{origin} -> {destination}" if origin != destination else f"parts of a track in {origin}"


def _seconds(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f} s"
