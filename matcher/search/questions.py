"""What can be asked, and whether it makes sense."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from matcher.search.pictures import Box
from matcher.search.selection import Selection
from throughline.times import Instant, from_iso
from throughline.types import FloatArray

__all__ = ["Likeness", "Options", "QuestionError", "UnknownError", "limit_of", "options_of", "parse_likeness"]

_MOST: Final = 200
_DEFAULT: Final = 20
_KNOWN: Final = ("site", "cameras", "from", "to", "limit", "model", "box", "detect")
_LOST_PLUS: Final = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")


class QuestionError(ValueError):
    """A question that makes no sense; the text says what to ask instead."""


class UnknownError(LookupError):
    """What was asked for is not known, or not any more."""


class Likeness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to look for, where it is no picture.

    Attributes:
        tracklet: Vehicles like the one of this tracklet.
        embedding: Vehicles like this vector.
    """

    tracklet: str | None = None
    embedding: tuple[float, ...] | None = None

    def vector(self) -> FloatArray:
        """``embedding`` as (D,) of unit length.

        Raises:
            QuestionError: it has no direction.
        """
        vector = np.array(self.embedding or (), np.float64)
        norm = float(np.linalg.norm(vector))
        if not math.isfinite(norm) or norm == 0.0:
            raise QuestionError("embedding: expected finite numbers that are not all zero")
        return (vector / norm).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Options:
    """How to look for it.

    Attributes:
        selection: Where and when.
        limit: Vehicles at most.
        model: Name of the model to compare by; None: whichever fits.
        box: Where the vehicle is in the picture; None: everywhere.
        detect: Find the vehicle in the picture.
    """

    selection: Selection
    limit: int = _DEFAULT
    model: str | None = None
    box: Box | None = None
    detect: bool = False


def parse_likeness(body: bytes) -> Likeness:
    """Reads ``{"tracklet": ...}`` or ``{"embedding": [...]}``.

    Raises:
        QuestionError: it is neither.
    """
    try:
        likeness = msgspec.json.decode(body, type=Likeness)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise QuestionError(f"the question cannot be read: {error}") from error
    if (likeness.tracklet is None) == (likeness.embedding is None):
        raise QuestionError('expected either {"tracklet": "<id>"} or {"embedding": [<numbers>]}')
    return likeness


def options_of(parameters: Mapping[str, Sequence[str]], cameras: Collection[str]) -> Options:
    """The options that query parameters tell.

    Args:
        parameters: Values by name.
        cameras: The site's.

    Raises:
        QuestionError: one is unknown, given twice, or cannot be read.
    """
    for name, values in parameters.items():
        if name not in _KNOWN:
            raise QuestionError(f"{name}: there is no such parameter; there are {', '.join(_KNOWN)}")
        if len(values) > 1 and name != "cameras":
            raise QuestionError(f"{name}: given more than once")
    single = {name: values[0] for name, values in parameters.items()}
    since, until = _time("from", single.get("from")), _time("to", single.get("to"))
    if since is not None and until is not None and until < since:
        raise QuestionError(f"from {single['from']} is later than to {single['to']}")
    box = _box(single.get("box"))
    detect = _truth("detect", single.get("detect", "false"))
    if box is not None and detect:
        raise QuestionError("box and detect: one of them says where the vehicle is, not both")
    selection = Selection(_cameras(parameters.get("cameras"), cameras), since, until)
    return Options(selection, limit_of(single.get("limit")), single.get("model"), box, detect)


def _cameras(values: Sequence[str] | None, known: Collection[str]) -> list[str] | None:
    if values is None:
        return None
    named = [name for value in values for name in value.split(",") if name]
    for name in named:
        if name not in known:
            raise QuestionError(f"cameras: this site has no camera {name}; it has {', '.join(sorted(known))}")
    return named or None


def _time(name: str, text: str | None) -> Instant | None:
    if text is None:
        return None
    try:
        return from_iso(_LOST_PLUS.sub("+", text) if "T" in text else text)  # an unescaped + arrives as a space
    except ValueError as error:
        raise QuestionError(f"{name}: {error}") from error


def limit_of(text: str | None) -> int:
    """How many are wanted at most.

    Raises:
        QuestionError: it cannot be read.
    """
    if text is None:
        return _DEFAULT
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise QuestionError(f"limit: expected a whole number from 1 to {_MOST}, found {text!r}")
    return int(text)


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise QuestionError(f"box: expected x,y,width,height in pixels, found {text!r}") from None
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        raise QuestionError(f"box: expected finite numbers and a size, found {text!r}")
    return x, y, width, height


def _truth(name: str, text: str) -> bool:
    if text not in ("true", "false", "1", "0"):
        raise QuestionError(f"{name}: expected true or false, found {text!r}")
    return text in ("true", "1")
