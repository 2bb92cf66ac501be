"""What is lost without each part of a system: the same measure with one thing changed at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.charts import bars_chart
from evaluation.report import Block, Cell, Report, Table

__all__ = ["AblationRow", "AblationTable"]


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One change.

    Attributes:
        name: What was changed.
        values: What was measured then, in the table's order.
        same: Nothing was decided otherwise: the change took away what had no part in this.
    """

    name: str
    values: tuple[float, ...]
    same: bool = False


@dataclass(frozen=True, slots=True)
class AblationTable:
    """Measures of a system as it is, and with one change at a time.

    Attributes:
        measures: What is measured, the same for all rows; more is better.
        base: As it is.
        rows: The changes.
        limits: What bounds the values: the best that could be reached, or what no system needs to be built for.
    """

    measures: tuple[str, ...]
    base: AblationRow
    rows: tuple[AblationRow, ...]
    limits: tuple[AblationRow, ...] = ()

    def __post_init__(self) -> None:
        for row in (self.base, *self.rows, *self.limits):
            if len(row.values) != len(self.measures):
                raise ValueError(f"{row.name}: expected {len(self.measures)} values, found {len(row.values)}")

    def to_json(self) -> dict[str, object]:
        """Plain numbers, with the differences to ``base``."""

        def plain(row: AblationRow) -> dict[str, object]:
            values = dict(zip(self.measures, row.values, strict=True))
            changes = {
                name: value - before for name, value, before in zip(self.measures, row.values, self.base.values, strict=True)
            }
            return {"name": row.name, "values": values, "differences": changes, "same_decisions": row.same}

        rows = {"rows": [plain(row) for row in self.rows], "limits": [plain(row) for row in self.limits]}
        return {"base": plain(self.base), **rows}

    def to_markdown(self) -> str:
        """The table for people."""
        return self.to_report().to_markdown()

    def to_report(self, title: str = "What each part is worth") -> Report:
        """The report for people."""
        return Report(title, self.blocks())

    def blocks(self) -> Sequence[Block]:
        """What a report has of it: the table, and a bar for each row."""
        header = ("", *(text for measure in self.measures for text in (measure, "change")))
        rows: list[Sequence[Cell]] = [self._cells(self.base, None)]
        rows += [self._cells(row, self.base) for row in (*self.rows, *self.limits)]
        bars = {row.name.replace("`", ""): row.values[0] for row in (self.base, *self.rows, *self.limits)}
        told = "One thing is changed at a time; `=` where nothing was decided otherwise."
        return [told, Table(header, rows), bars_chart("ablation", self.measures[0], bars)]

    def _cells(self, row: AblationRow, base: AblationRow | None) -> list[Cell]:
        cells: list[Cell] = [row.name]
        for place, value in enumerate(row.values):
            change = "" if base is None else "=" if row.same else f"{value - base.values[place]:+.4f}"
            cells += [value, change]
        return cells
