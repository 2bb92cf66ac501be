"""`throughline import mot`: sequences of the MOTChallenge as cameras of a site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from throughline.commands._import_output import write_site
from throughline.formats import FormatError
from throughline.formats.mot import read_mot, read_mot_tracks, write_mot
from throughline.formats.mot_sequence import MotSequence, read_mot_sequences

__all__ = ["import_sequences"]


def import_sequences(source: Path, out: Path) -> list[str]:
    """Writes ``site.yaml`` and, as far as the sequences have them, ``detections/`` and ``truth/``, one MOT file a camera.

    Args:
        source: A sequence, or a folder of sequences.
        out: Where to.

    Returns:
        What was done, for people.

    Raises:
        FormatError: a file is not what it should be.
        OSError: a file cannot be written.
    """
    sequences = read_mot_sequences(source)
    names = [_identifier(sequence.name) for sequence in sequences]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FormatError(f"{source}: two sequences are called {twice}")
    named = list(zip(names, sequences, strict=True))
    rows = {
        "detections": {name: read_mot(one.detections) for name, one in named if one.detections is not None},
        "truth": {name: read_mot_tracks(one.truth) for name, one in named if one.truth is not None},
    }
    out.mkdir(parents=True, exist_ok=True)
    cameras = [_camera(name, number, one) for number, (name, one) in enumerate(named, 1)]
    site = {"site": _identifier(source.resolve().name), "cameras": cameras}
    write_site(out / "site.yaml", site, "Imported from sequences of the MOTChallenge: they have nothing to do with each other.")
    told = [f"{out / 'site.yaml'}: {len(cameras)} cameras"]
    for folder, by_camera in rows.items():
        if by_camera:
            (out / folder).mkdir()
            for name, boxes in by_camera.items():
                write_mot(out / folder / f"{name}.txt", boxes)
            told.append(f"{out / folder}: {len(by_camera)} cameras")
    return told


def _camera(name: str, number: int, sequence: MotSequence) -> dict[str, Any]:
    rate = sequence.fps
    return {"id": name, "number": number, "fps": min(rate, 120.0), "recorded_fps": rate, "size": list(sequence.size)}


def _identifier(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "sequence"
