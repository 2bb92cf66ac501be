"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from throughline.messages import MatchEvent
from throughline.times import to_iso

__all__ = ["event_heading", "event_line", "print_json", "print_table", "say"]

_COLOURS = {"provisional": "33", "confirmed": "32", "revised": "35", "retracted": "31", "new": "36", "watchlist": "41"}
_EVENT_FORMAT = "{:<12} {:<11} {:<24} {:<22} {:>6} {:>7}  {}"


def say(text: str) -> None:
    """A line for the person at the terminal, on stderr, so that stdout stays the result."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON object on one line of stdout."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as their widest cell; numbers to the right."""
    texts = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(header), *texts]) for column in range(len(header))]
    right = [bool(rows) and all(isinstance(row[column], (int, float)) for row in rows) for column in range(len(header))]
    for row in [list(header), *texts]:
        cells = (
            cell.rjust(width) if at_right else cell.ljust(width) for cell, width, at_right in zip(row, widths, right, strict=True)
        )
        print("  ".join(cells).rstrip())


def event_heading() -> str:
    """The heading above `event_line`s."""
    return _EVENT_FORMAT.format("time (UTC)", "decision", "vehicle", "road", "travel", "prob.", "because")


def event_line(event: MatchEvent, *, colour: bool) -> str:
    """A match event in one line, with the reasons for it."""
    kind = event.kind.ljust(11)
    if colour:
        kind = f"\033[{_COLOURS[event.kind]}m{kind}\033[0m"
    road = event.tracklet.camera if event.joined is None else f"{event.joined.camera} -> {event.tracklet.camera}"
    travel = "" if event.travel_time is None else f"{event.travel_time:.1f}s"
    probability = "" if event.probability is None else f"{event.probability:.3f}"
    because = ", ".join(f"{term.term} {term.llr:+.1f}" for term in event.evidence)
    if event.margin is not None:
        because += f" (margin {event.margin:.1f})"
    if event.reason:
        because = f"{because}; {event.reason}".lstrip("; ")
    time = to_iso(event.tracklet.start)[11:23]
    line = _EVENT_FORMAT.replace("{:<11}", "{}").format(time, kind, event.vehicle, road, travel, probability, because)
    return line.rstrip()


def _cell(cell: object) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
