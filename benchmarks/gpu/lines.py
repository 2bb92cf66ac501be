"""A line of the result: what was looked at, how it stands, and what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Figure", "Line", "State"]

State: TypeAlias = Literal["ok", "missing", "wrong", "failed", "not run"]
"""``missing``: this machine lacks it; ``wrong``: it is there and gives wrong results; ``failed``: it is there and does not run;
``not run``: something else had to come first, or the time was over."""
Figure: TypeAlias = float | str


@dataclass(frozen=True, slots=True)
class Line:
    """One row of one table.

    Attributes:
        table: Which table.
        labels: What the row is about; the first columns.
        state: How it stands.
        figures: What was measured, by column.
        note: Why, or with what.
    """

    table: str
    labels: Mapping[str, str]
    state: State = "ok"
    figures: Mapping[str, Figure] = field(default_factory=dict)
    note: str = ""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Line:
        """What `to_json` has written.

        Raises:
            ValueError: the text is something else.
        """
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(f"no line of a result: {text[:100]!r}") from error
