"""`throughline evaluate`: how good results are, against a truth."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from throughline.commands import _evaluate_detect, _evaluate_reid
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import print_json

__all__ = ["add_parser"]


class _Report(Protocol):
    def to_json(self) -> dict[str, object]: ...

    def to_markdown(self) -> str: ...


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("evaluate", help="score results against a truth")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")

    sct = kinds.add_parser("sct", help="single-camera tracking: HOTA, IDF1, MOTA of MOT files, camera by camera and all together")
    layouts = "<camera>.txt, <camera>/gt/gt.txt or <camera>/gt.txt: frame,id,x,y,width,height"
    sct.add_argument(
        "--truth", type=Path, required=True, metavar="DIR", help=f"{layouts},mark; boxes with mark 0 count neither way"
    )
    sct.add_argument(
        "--result", type=Path, required=True, metavar="DIR", help="the same; tracks.txt, which `associate` adds, is passed over"
    )
    sct.add_argument(
        "--least-height",
        type=_pixels,
        default=0.0,
        metavar="PX",
        help="true boxes less high count neither way, nor do found ones that match no other (default: %(default)g)",
    )
    _add_json(sct)
    sct.set_defaults(run=_sct)

    mtmc = kinds.add_parser("mtmc", help="cross-camera IDF1 of AI City rows")
    mtmc.add_argument("--truth", type=Path, required=True, metavar="FILE", help="rows: camera_number id frame x y w h -1 -1")
    mtmc.add_argument("--result", type=Path, required=True, metavar="FILE", help="the same, as `associate` writes tracks.txt")
    _add_json(mtmc)
    mtmc.set_defaults(run=_mtmc)

    _evaluate_reid.add_arguments(kinds.add_parser("reid", help="mAP and match curves of an embedder, or an ensemble of several"))
    _evaluate_detect.add_arguments(kinds.add_parser("detect", help="average precision of a detector in labelled pictures"))


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _pixels(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of pixels, 0 or more, found {text}")
    return value


def _sct(options: argparse.Namespace) -> int:
    from evaluation.sct import SctTruth, evaluate_sct, mot_boxes
    from throughline.formats.mot_folder import read_mot_folder

    def evaluate() -> _Report:
        truth = {camera: SctTruth.of_rows(rows) for camera, rows in read_mot_folder(options.truth).items()}
        result = {camera: mot_boxes(rows) for camera, rows in read_mot_folder(options.result).items()}
        return evaluate_sct(truth, result, least_height=options.least_height)

    return _print_report(evaluate, as_json=options.json)


def _mtmc(options: argparse.Namespace) -> int:
    from evaluation.mtmc import evaluate_mtmc
    from throughline.formats.aicity import read_aicity

    return _print_report(lambda: evaluate_mtmc(read_aicity(options.truth), read_aicity(options.result)), as_json=options.json)


def _print_report(evaluate: Callable[[], _Report], *, as_json: bool) -> int:
    """Prints what ``evaluate`` finds; whatever files or values it refuses is bad input."""
    try:
        report = evaluate()
    except ValueError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    if as_json:
        print_json(report.to_json())
    else:
        print(report.to_markdown(), end="")
    return 0
