"""`throughline associate`: recorded single-camera tracks through the very same matcher."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import say
from throughline.commands._trace import add_trace, trace_into
from throughline.settings import load_site

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("associate", help="match recorded single-camera tracks across cameras")
    parser.add_argument("--tracks", type=Path, required=True, metavar="DIR", help="<camera>.txt (MOT) and optional <camera>.npz")
    parser.add_argument("--site", type=Path, required=True, help="site file (YAML)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results are written")
    add_trace(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from matcher.associate import associate, write_association
    from throughline.formats import FormatError
    from throughline.formats.recorded_tracks import read_recorded_tracks

    site = load_site(options.site)
    try:
        tracks = read_recorded_tracks(options.tracks, site)
        with trace_into(options.trace) as trace:
            association = associate(site, tracks, trace)
        write_association(association, site, options.out)
    except (FormatError, ValueError) as error:
        raise CommandError(str(error), BAD_INPUT) from error
    except OSError as error:
        raise CommandError(f"{options.out}: cannot be written: {error}") from error
    kinds = Counter(event.kind for event in association.events)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    say(f"{len(tracks)} tracks, {len(set(association.ids.values()))} vehicles; events: {counts}; results in {options.out}")
    return 0
