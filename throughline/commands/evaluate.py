"""`throughline evaluate`: how good results are, against a truth."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from throughline.commands import _evaluate_detect, _evaluate_matches, _evaluate_mtmc, _evaluate_reid
from throughline.commands._evaluate_output import ToldReport, add_output, print_report

if TYPE_CHECKING:
    from evaluation.report import Report

__all__ = ["add_parser"]


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
    add_output(sct)
    sct.set_defaults(run=_sct)

    mtmc = kinds.add_parser(
        "mtmc", help="tracking across cameras: IDF1, HOTA and pairs of AI City rows, or of tracks matched now"
    )
    _evaluate_mtmc.add_arguments(mtmc)
    matches = kinds.add_parser("matches", help="match events: precision and recall by link, delays, calibration")
    _evaluate_matches.add_arguments(matches)
    _evaluate_reid.add_arguments(kinds.add_parser("reid", help="mAP and match curves of an embedder, or an ensemble of several"))
    _evaluate_detect.add_arguments(kinds.add_parser("detect", help="average precision of a detector in labelled pictures"))


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

    def evaluate() -> tuple[ToldReport, Report]:
        truth = {camera: SctTruth.of_rows(rows) for camera, rows in read_mot_folder(options.truth).items()}
        result = {camera: mot_boxes(rows) for camera, rows in read_mot_folder(options.result).items()}
        report = evaluate_sct(truth, result, least_height=options.least_height)
        return report, report.to_report()

    return print_report(evaluate, options)
