"""Kinds of values that commands take as arguments."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

__all__ = ["count", "number_between"]


def number_between(least: float, most: float, *, ends: bool = True) -> Callable[[str], float]:
    """A number from ``least`` to ``most``, with or without the two themselves."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if least < value < most or (ends and value in (least, most)):
            return value
        wanted = f"from {least:g} to {most:g}" if ends else f"between {least:g} and {most:g}"
        raise argparse.ArgumentTypeError(f"expected a number {wanted}, found {text}")

    return parse


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, found {text}")
    return int(text)
