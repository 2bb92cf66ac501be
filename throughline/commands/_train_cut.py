"""`throughline train cut`: cuts the labelled vehicles out of a detector's training set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import print_json, say

__all__ = ["add_parser"]


def add_parser(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command beside those that fit networks."""
    parser = kinds.add_parser("cut", help="cut the vehicles out of labelled pictures, for embedders to learn from")
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds images/ and labels/ (YOLO text)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the result goes: a new folder")
    parser.add_argument(
        "--least", type=int, default=20, metavar="PIXELS", help="least shorter side of a box (default: %(default)d)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from throughline.formats import FormatError
    from training.cut_boxes import cut_boxes

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} pictures", end="" if done < total else "\n", file=sys.stderr, flush=True)

    try:
        report = cut_boxes(options.folder, options.out, least=options.least, progress=progress)
    except FormatError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    say(f"{report.cut} vehicles cut; {report.small} left out, smaller than {options.least} pixels")
    if options.json:
        print_json({"cut": report.cut, "small": report.small, "folder": str(options.out)})
    return 0
