"""What `throughline evaluate reid` tells: a score in all protocols, by type, without each member, and how alike is alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.charts import match_curve_chart
from evaluation.reid import PROTOCOLS, ReidScore
from evaluation.report import Block, Cell, Picture, Report, Table
from evaluation.separation import Separation

__all__ = ["ReidMember", "ReidReport"]

_RANKS = (1, 5, 10, 20, 50, 100)


@dataclass(frozen=True, slots=True)
class ReidMember:
    """A network that took part.

    Attributes:
        name: Of the model.
        hash: Of its weights.
        dimension: Length of its vectors.
        weight: Of its cosine.
    """

    name: str
    hash: str
    dimension: int
    weight: float


@dataclass(frozen=True, slots=True)
class ReidReport:
    """How well an embedder, or an ensemble of several, finds vehicles again.

    Attributes:
        folder: Name of the set.
        members: The networks.
        pictures: Pictures looked for, and looked among.
        score: All members together.
        separation: Of all pairs that a ranking compares.
        variants: Scores of parts of the ensemble, by what they are; empty with one member.
        kinds: Of the queries of each type of vehicle, among all others; empty without types.
    """

    folder: str
    members: tuple[ReidMember, ...]
    pictures: tuple[int, int]
    score: ReidScore
    separation: Separation
    variants: Mapping[str, ReidScore] = field(default_factory=dict)
    kinds: Mapping[str, ReidScore] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Plain numbers, for one JSON object."""
        top = f"map_top_{self.score.top}"
        return {
            "folder": self.folder,
            "models": [
                {"name": one.name, "hash": one.hash, "dimension": one.dimension, "weight": one.weight} for one in self.members
            ],
            "query_pictures": self.pictures[0],
            "gallery_pictures": self.pictures[1],
            **self.score.to_json(_RANKS),
            "similarity": self.separation.to_json(),
            "variants": {
                name: {"rank_1": score.rank(1), "map": score.mean_average_precision, top: score.top_mean_average_precision}
                for name, score in self.variants.items()
            },
            "types": {
                name: {"queries": len(score.queries), "rank_1": score.first_rank(), "map": score.mean_average_precision}
                for name, score in self.kinds.items()
            },
        }

    def to_report(self, sheets: Sequence[tuple[str, Sequence[Picture]]] = ()) -> Report:
        """The report for people, with rankings to look at, by heading."""
        score, pairs = self.score, self.separation
        models = ", ".join(f"{one.name} ({one.dimension} numbers, weight {one.weight:g})" for one in self.members)
        opening: list[Block] = [
            f"Set {self.folder}: {len(score.queries)} queries among {self.pictures[1]} pictures"
            + (f"; {score.without_match} more have no true match there." if score.without_match else "."),
            f"Model: {models}." if len(self.members) == 1 else f"Models: {models}.",
            Table(
                ("protocol", *(f"rank-{rank}" for rank in _RANKS)),
                [(protocol, *(score.rank(rank, protocol) for rank in _RANKS)) for protocol in PROTOCOLS],
            ),
            Table(
                ("", "value"),
                [("mAP", score.mean_average_precision), (f"mAP of the first {score.top}", score.top_mean_average_precision)],
            ),
        ]
        sections: list[tuple[str, Sequence[Block]]] = [("Match curves", [match_curve_chart(score.curves)])]
        if self.variants:
            sections.append(("Without each member, and each alone", [self._variants()]))
        if self.kinds:
            rows = [(name, *_short(one)) for name, one in self.kinds.items()]
            sections.append(("By type of the vehicle looked for", [Table(("type", "queries", "rank-1", "mAP"), rows)]))
        apart = Table(
            ("pairs", "count", "mean similarity", "deviation"),
            [
                ("one vehicle", pairs.pairs[0], pairs.same, pairs.same_deviation),
                ("different vehicles", pairs.pairs[1], pairs.different, pairs.different_deviation),
            ],
        )
        told = f"Two views of one vehicle are more alike than two of different ones with a probability of {pairs.area:.4f}."
        sections.append(("How alike", [apart, told]))
        return Report(f"Re-identification: {self.folder}", opening, [*sections, *sheets])

    def to_markdown(self) -> str:
        """The report for people, without pictures."""
        return self.to_report().to_markdown()

    def _variants(self) -> Table:
        header = ("members", "rank-1", "rank-5", "mAP", f"mAP of the first {self.score.top}", "mAP less than all")
        whole = self.score.mean_average_precision

        def row(name: str, score: ReidScore) -> list[Cell]:
            value = score.mean_average_precision
            return [name, score.rank(1), score.rank(5), value, score.top_mean_average_precision, whole - value]

        return Table(header, [row("all", self.score), *(row(name, score) for name, score in self.variants.items())])


def _short(score: ReidScore) -> tuple[Cell, Cell, Cell]:
    return len(score.queries), score.first_rank(), score.mean_average_precision
