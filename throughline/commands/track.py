"""`throughline track`: recorded detections through the very same tracker."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import say
from throughline.settings import load_site

if TYPE_CHECKING:
    from streams.recorded import RecordedTracks

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("track", help="follow vehicles through recorded detections")
    parser.add_argument(
        "--detections",
        type=Path,
        required=True,
        metavar="DIR",
        help="<camera>.txt (MOT) or <camera>.json (COCO), and optional <camera>.frames",
    )
    parser.add_argument("--site", type=Path, required=True, help="site file (YAML)")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="where <camera>.txt (MOT) is written, and <camera>.frames if that tells times",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from streams.recorded import track_recorded
    from streams.regions import RegionError
    from throughline.formats import FormatError
    from throughline.formats.detections import read_detections
    from throughline.formats.mot import write_mot

    site = load_site(options.site)
    if options.out.resolve() == options.detections.resolve():
        raise CommandError(f"{options.out}: tracks would take the place of the detections: name another folder", BAD_INPUT)
    try:
        for recorded in read_detections(options.detections, site):
            tracks = track_recorded(site.tracking, site.camera(recorded.camera), recorded)
            options.out.mkdir(parents=True, exist_ok=True)
            write_mot(options.out / f"{tracks.camera}.txt", tracks.rows)
            if recorded.frames.clock is not None:  # else the times of frames follow from their numbers
                name = f"{tracks.camera}.frames"
                shutil.copyfile(options.detections / name, options.out / name)
            say(_summary(tracks))
    except (FormatError, RegionError) as error:
        raise CommandError(str(error), BAD_INPUT) from error
    except OSError as error:
        raise CommandError(f"{options.out}: cannot be written: {error}") from error
    return 0


def _summary(tracks: RecordedTracks) -> str:
    """What went in, what was left out and why, and what came of it, in one line."""
    frames = f"{tracks.frames} frames" + _because(tracks.frames_dropped)
    detections = f"{tracks.detections} detections" + _because(tracks.dropped)
    return f"{tracks.camera}: {frames}, {detections}, {tracks.tracks} tracks with {len(tracks.rows)} sightings"


def _because(dropped: Mapping[str, int]) -> str:
    if not dropped:
        return ""
    return " (dropped: " + ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) + ")"
