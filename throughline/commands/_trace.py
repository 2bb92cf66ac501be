"""``--trace FILE``: what was weighed for each decision, one JSON object a line."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from throughline.commands._exit import CommandError
from throughline.messages import DecisionTrace

__all__ = ["add_trace", "trace_into", "written"]


def add_trace(parser: argparse.ArgumentParser) -> None:
    """Adds the option."""
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="also write what was weighed for each decision, one JSON object a line"
    )


@contextlib.contextmanager
def trace_into(path: Path | None) -> Iterator[Callable[[DecisionTrace], object] | None]:
    """What takes traces and writes them to a file; None without one.

    Raises:
        CommandError: the file cannot be written.
    """
    if path is None:
        yield None
        return
    with written(path) as file:
        encoder = msgspec.json.Encoder()
        yield lambda trace: file.write(encoder.encode(trace) + b"\n")


@contextlib.contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        file = path.open("wb")
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
    with file:
        yield file
