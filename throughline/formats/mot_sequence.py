"""Sequences of the MOTChallenge: a folder with ``seqinfo.ini``, ``det/det.txt`` and, for those with a truth, ``gt/gt.txt``."""

from __future__ import annotations

import configparser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from throughline.formats._rows import FormatError, read_text

__all__ = ["MotSequence", "read_mot_sequences"]

_INFO = "seqinfo.ini"
_SECTION = "Sequence"
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class MotSequence:
    """A sequence.

    Attributes:
        name: As the file says, else that of its folder.
        folder: Where it is.
        fps: Frames a second.
        frames: How many there are.
        size: Width and height of the pictures in pixels.
        detections: MOT rows of a detector, where there are some.
        truth: MOT rows with ids, where they are known.
    """

    name: str
    folder: Path
    fps: float
    frames: int
    size: tuple[int, int]
    detections: Path | None
    truth: Path | None


def read_mot_sequences(folder: Path) -> list[MotSequence]:
    """The sequence in a folder, or the sequences in the folders in it, by name.

    Raises:
        FormatError: there is none, or a ``seqinfo.ini`` is wrong; names the file and what is missing.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    folders = [folder] if (folder / _INFO).is_file() else sorted(path.parent for path in folder.glob(f"*/{_INFO}"))
    if not folders:
        raise FormatError(f"{folder}: expected {_INFO} in it, or in the folders in it")
    return [_sequence(one) for one in folders]


def _sequence(folder: Path) -> MotSequence:
    path = folder / _INFO
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path))
    except configparser.Error as error:
        line = f":{error.lineno}" if isinstance(error, configparser.MissingSectionHeaderError) else ""
        raise FormatError(f"{path}{line}: expected [{_SECTION}] and lines name=value") from None
    if not parser.has_section(_SECTION):
        raise FormatError(f"{path}: expected a section [{_SECTION}]")
    values = dict(parser[_SECTION])

    def number(name: str, kind: Callable[[str], _Number]) -> _Number:
        text = values.get(name.lower(), "")
        try:
            value = kind(text)
        except ValueError:
            value = kind("0")
        if not 0 < value < 1e9:
            raise FormatError(f"{path}: {name} must be a number above 0, found {text!r}")
        return value

    detections, truth = folder / "det" / "det.txt", folder / "gt" / "gt.txt"
    return MotSequence(
        values.get("name") or folder.name,
        folder,
        number("frameRate", float),
        number("seqLength", int),
        (number("imWidth", int), number("imHeight", int)),
        detections if detections.is_file() else None,
        truth if truth.is_file() else None,
    )
