"""`throughline train recrop`: cuts the pictures of a training set anew with a detector."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from throughline.commands._arguments import number_between
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._model_pictures import inference_workers
from throughline.commands._output import print_json, say

__all__ = ["add_parser"]


def add_parser(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command beside those that fit networks."""
    parser = kinds.add_parser("recrop", help="cut the pictures of a set of vehicles anew with a detector")
    parser.add_argument("folder", type=Path, metavar="DIR", help="pictures of vehicles in any layout, subfolders included")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the result goes: a new folder")
    parser.add_argument("--model", default="default", help="detector: name in the catalogue or path of an ONNX file")
    parser.add_argument(
        "--least-score",
        type=number_between(0.0, 1.0),
        default=0.25,
        metavar="SCORE",
        help="least score of a detection (default: %(default)g)",
    )
    parser.add_argument(
        "--least-share",
        type=number_between(0.0, 1.0),
        default=0.5,
        metavar="SHARE",
        help="least share of the picture (default: %(default)g)",
    )
    parser.add_argument(
        "--margin",
        type=number_between(0.0, 1.0),
        default=0.02,
        metavar="SHARE",
        help="what to leave around the box (default: %(default)g of it)",
    )
    parser.add_argument("--threads", type=int, default=0, help="inference threads; 0: one for each core, at most four")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from inference.catalogue import MOTION
    from inference.models import load_detector
    from training.recrop import RecropError, RecropRule, recrop_folder

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} pictures", end="" if done < total else "\n", file=sys.stderr, flush=True)

    rule = RecropRule(options.least_score, options.least_share, options.margin)
    with inference_workers(options.threads) as workers:
        detector, note = load_detector(options.model, workers, min_confidence=options.least_score)
        if note:
            say(note)
        try:
            if detector.name == MOTION:
                raise CommandError(f"{MOTION} needs moving pictures; name another detector with --model", BAD_INPUT)
            report = recrop_folder(options.folder, options.out, detector, rule=rule, progress=progress)
        except RecropError as error:
            raise CommandError(str(error), BAD_INPUT) from error
        finally:
            detector.close()
    kept = ", ".join(f"{count} {reason}" for reason, count in sorted(report.kept.items()))
    say(
        f"{report.cut} pictures cut to {report.share:.0%} of their size on average"
        + (f"; kept as they are: {kept}" if kept else "")
    )
    if options.json:
        print_json({**report.to_json(), "folder": str(options.out)})
    return 0
