"""Faults of cameras as text and as values: what goes wrong at which camera, when, and for how long."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["ALL", "FAULT_HELP", "Change", "Fault", "FaultError", "changes", "parse_fault", "put_in_force"]

ALL: Final = "*"
"""Camera name that stands for every camera."""

FAULT_HELP: Final = (
    "CAMERA:KIND[=VALUE][@AT[+FOR]]: from AT seconds (default 0) on, for FOR seconds (default: for good). CAMERA may be *. "
    "Kinds: stall (no pictures), disconnect (viewers are cut off, and not let in again for FOR seconds), loss=SHARE of packets, "
    "jitter=SECONDS (packets come up to so much late), clock_jump=SECONDS (the camera's clock is set ahead), "
    "clock_drift=SECONDS a second (it gains), reports=missing|garbage|wrong (RTCP), resolution=FILE (other footage)"
)

_TEXT: Final = re.compile(
    r"(?P<camera>[^:@=]+):(?P<kind>[a-z_]+)(?:=(?P<value>.*?))?(?:@(?P<at>[^@+]*)(?:\+(?P<length>[^@+]*))?)?"
)
_REPORTS: Final = ("missing", "garbage", "wrong")
_NUMBERS: Final = {
    "loss": (0.0, 1.0, "a share from 0 to 1"),
    "jitter": (0.0, 60.0, "seconds from 0 to 60"),
    "clock_jump": (-math.inf, math.inf, "seconds"),
    "clock_drift": (-0.9, 10.0, "seconds a second from -0.9 to 10"),
}
"""Kinds whose value is a number: least, most, and what it is called."""
_KINDS: Final = ("stall", "disconnect", *_NUMBERS, "reports", "resolution")


class FaultError(ValueError):
    """A fault that cannot be ordered; the message says why, and what was expected."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        camera: Name of the camera, or `ALL`.
        kind: See `FAULT_HELP`.
        value: Number, kind of reports, or file name; None for kinds without one.
        at: Seconds after time zero.
        seconds: How long; None: for good.
        text: As it was ordered.
    """

    camera: str
    kind: str
    value: float | str | None
    at: float
    seconds: float | None
    text: str

    @property
    def end(self) -> float:
        """Seconds after time zero at which it is over."""
        return math.inf if self.seconds is None else self.at + self.seconds


@dataclass(frozen=True, slots=True)
class Change:
    """A fault begins, or ends, ``at`` seconds after time zero."""

    at: float
    fault: Fault
    begins: bool


def parse_fault(text: str) -> Fault:
    """Reads an order such as ``c01:stall@30+10``.

    Raises:
        FaultError: it is none.
    """
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise FaultError(f"fault {text!r}: expected CAMERA:KIND[=VALUE][@AT[+FOR]], such as c01:stall@30+10 or c02:jitter=0.2")
    kind = found["kind"]
    if kind not in _KINDS:
        raise FaultError(f"fault {text!r}: {kind} is no kind of fault; there are {', '.join(_KINDS)}")
    at = 0.0 if found["at"] is None else _number(text, "AT", found["at"], 0.0, math.inf, "seconds from 0 on")
    length = found["length"]
    seconds = None if length is None else _number(text, "FOR", length, 0.0, math.inf, "seconds from 0 on")
    return Fault(found["camera"], kind, _value(text, kind, found["value"]), at, seconds, text.strip())


def _value(text: str, kind: str, value: str | None) -> float | str | None:
    if kind in ("stall", "disconnect"):
        if value is not None:
            raise FaultError(f"fault {text!r}: {kind} takes no value")
        return None
    if not value:
        raise FaultError(f"fault {text!r}: {kind} needs a value: {kind}={_expected(kind)}")
    if kind in _NUMBERS:
        return _number(text, kind, value, *_NUMBERS[kind])
    if kind == "reports" and value not in _REPORTS:
        raise FaultError(f"fault {text!r}: reports can be {', '.join(_REPORTS)}, not {value}")
    return value


def _expected(kind: str) -> str:
    if kind in _NUMBERS:
        return _NUMBERS[kind][2]
    return "|".join(_REPORTS) if kind == "reports" else "an H.264 file"


def _number(text: str, name: str, value: str, least: float, most: float, expected: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and least <= number <= most):
        raise FaultError(f"fault {text!r}: {name} is {value!r}; expected {expected}")
    return number


def changes(faults: Iterable[Fault]) -> list[Change]:
    """When each of them begins and ends, in the order of time; what ends comes before what begins at the same instant."""
    found = [Change(fault.at, fault, True) for fault in faults]
    found += [Change(change.fault.end, change.fault, False) for change in found if change.fault.seconds is not None]
    return sorted(found, key=lambda change: (change.at, change.begins and change.fault.seconds != 0))


def put_in_force(active: Sequence[Fault], change: Change) -> list[Fault]:
    """The faults of one camera and kind that hold after ``change``; the last of them counts, if there is one."""
    others = [fault for fault in active if fault is not change.fault]
    return [*others, change.fault] if change.begins else others
