"""Instants as whole microseconds since 1970 (UTC), and durations as seconds.

Every observation carries its capture time in this form: integers compare and add exactly, so the same input gives the
same decision, byte for byte. Durations that people configure, and that models reason about, are seconds in floats.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["MICROSECONDS", "Instant", "after", "from_iso", "parse_duration", "seconds_between", "to_instant", "to_iso"]

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z."""

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def to_instant(seconds: float) -> Instant:
    """Seconds since 1970 (or since any origin) as whole microseconds."""
    return round(seconds * MICROSECONDS)


def after(instant: Instant, seconds: float) -> Instant:
    """The instant ``seconds`` after ``instant`` (before it, when negative)."""
    return instant + round(seconds * MICROSECONDS)


def seconds_between(earlier: Instant, later: Instant) -> float:
    """Seconds from ``earlier`` to ``later``; negative when ``later`` comes first."""
    return (later - earlier) / MICROSECONDS


def to_iso(instant: Instant) -> str:
    """ISO 8601 in UTC with microseconds, for people and for JSON."""
    return (_EPOCH + timedelta(microseconds=instant)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_iso(text: str) -> Instant:
    """The instant that ISO 8601 text means; a day is its first moment, and a time without a zone is UTC.

    Raises:
        ValueError: the text is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: expected ISO 8601, such as 2026-05-01T12:30:00Z or 2026-05-01") from None
    zoned = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (zoned - _EPOCH) // timedelta(microseconds=1)


def parse_duration(text: str | float) -> float:
    """Seconds from ``"30s"``, ``"500ms"``, ``"2m"``, ``"1h"``, ``"7d"`` or a plain number of seconds.

    Raises:
        ValueError: the text is none of these.
    """
    if isinstance(text, (int, float)):
        return float(text)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: expected a number of seconds or a text such as 30s, 500ms, 2m")
    return float(match[1]) * _UNITS[match[2]]
