"""A folder of single-camera tracks, one MOT file a camera, in the layouts that are about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from throughline.formats._rows import FormatError
from throughline.formats.mot import MotRow, read_mot_tracks

__all__ = ["read_mot_folder"]

_ALL_CAMERAS = "tracks.txt"
"""Lies beside the cameras' files where `associate` wrote them: all rows once more, in another form."""


def read_mot_folder(folder: Path) -> dict[str, list[MotRow]]:
    """The rows of each camera, by its name, in the order of names.

    The folder holds ``<camera>.txt``, or the MOTChallenge's ``<camera>/gt/gt.txt``, or ``<camera>/gt.txt``. A file
    ``tracks.txt`` is passed over.

    Raises:
        FormatError: there is no such folder or no such file in it, a camera has two, or one cannot be read.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    files: dict[str, Path] = {}
    for camera, path in _files(folder):
        if camera in files:
            raise FormatError(f"{folder}: camera {camera} has two files, {files[camera]} and {path}")
        files[camera] = path
    if not files:
        raise FormatError(f"{folder}: expected <camera>.txt, <camera>/gt/gt.txt or <camera>/gt.txt")
    return {camera: read_mot_tracks(path) for camera, path in sorted(files.items())}


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            if path.suffix == ".txt" and path.name != _ALL_CAMERAS:
                yield path.stem, path
        else:
            yield from ((path.name, file) for file in (path / "gt" / "gt.txt", path / "gt.txt") if file.is_file())
