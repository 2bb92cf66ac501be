"""What changes of a set cost the matcher, as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from benchmarks._association_sets import QualityScore

__all__ = ["Findings", "markdown_tables"]


@dataclass(frozen=True)
class Findings:
    """What one change did to each set.

    Attributes:
        name: Of the change.
        kind: The table it stands in: ``as is``, ``ablation`` or ``robustness``.
        scores: Scores by set, one for each seed and draw.
    """

    name: str
    kind: str
    scores: dict[str, list[QualityScore]]

    def mean(self, name: str) -> QualityScore:
        """Over seeds and draws of one set."""
        return QualityScore(*(fmean(values) for values in zip(*self.scores[name], strict=True)))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        means = {name: self.mean(name)._asdict() for name in self.scores}
        return {**asdict(self), "scores": {name: [one._asdict() for one in runs] for name, runs in self.scores.items()}} | {
            "mean": means
        }


def markdown_tables(findings: Sequence[Findings]) -> str:
    """A table for each kind of change, in per cent with the difference to the sets as they are behind; that comes first.

    Args:
        findings: Those of the sets as they are, and of changes.
    """
    (base,) = (one for one in findings if one.kind == "as is")
    titles = [f"{name}, {measure}" for name in base.scores for measure in ("IDF1", "pairs")]
    tables = []
    for kind in dict.fromkeys(one.kind for one in findings if one is not base) or ("as is",):
        lines = [f"| {kind} | {' | '.join(titles)} |", f"|---|{'---:|' * len(titles)}", _row(base, None)]
        lines += [_row(one, base) for one in findings if one.kind == kind and one is not base]
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def _row(one: Findings, base: Findings | None) -> str:
    cells = []
    for name in one.scores:
        befores = (None, None) if base is None else base.mean(name)
        cells += [_cell(value, before) for value, before in zip(one.mean(name), befores, strict=True)]
    return f"| {one.name} | {' | '.join(cells)} |"


def _cell(value: float, before: float | None) -> str:
    text = f"{100 * value:.1f}"
    return text if before is None else f"{text} ({100 * (value - before):+.1f})"
