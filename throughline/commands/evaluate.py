"""`throughline evaluate mtmc`: how well vehicles were followed across cameras."""

from __future__ import annotations

import argparse
from pathlib import Path

from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import print_json

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("evaluate", help="score results against a truth")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    mtmc = kinds.add_parser("mtmc", help="cross-camera IDF1 of AI City rows")
    mtmc.add_argument("--truth", type=Path, required=True, metavar="FILE", help="rows: camera_number id frame x y w h -1 -1")
    mtmc.add_argument("--result", type=Path, required=True, metavar="FILE", help="the same, as `associate` writes tracks.txt")
    mtmc.add_argument("--json", action="store_true", help="print one JSON object")
    mtmc.set_defaults(run=_mtmc)


def _mtmc(options: argparse.Namespace) -> int:
    from evaluation.mtmc import evaluate_mtmc
    from throughline.formats import FormatError
    from throughline.formats.aicity import read_aicity

    try:
        report = evaluate_mtmc(read_aicity(options.truth), read_aicity(options.result))
    except FormatError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    if options.json:
        print_json(report.to_json())
    else:
        print(report.to_markdown(), end="")
    return 0
