"""`throughline evaluate detect`: how well a detector finds vehicles in labelled pictures."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from throughline.commands._arguments import count, number_between
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._model_pictures import detect_all, inference_workers, read_picture
from throughline.commands._output import print_json, say
from throughline.commands._report_file import report_path, write_report
from throughline.types import Detections

if TYPE_CHECKING:
    from evaluation.detection import LabelledBoxes
    from evaluation.report import Picture

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="images/ and labels/: YOLO text, class cx cy w h, class 0 car, 1 motorcycle, 2 bus, 3 truck, 4 of unknown type; "
        "optionally ignore/: parts that nobody has labelled, in the same form. Or a COCO data set, FILE.json",
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="where the pictures of FILE.json are (default: beside it, or in images/ there)"
    )
    parser.add_argument("--model", default="default", help="name in the catalogue or path of an ONNX file (default: %(default)s)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="pictures whose name is like this, such as 'night*'; repeat",
    )
    parser.add_argument(
        "--min-confidence",
        type=number_between(0.0, 1.0),
        default=0.01,
        metavar="SCORE",
        help="least score of a detection (default: %(default)g)",
    )
    parser.add_argument(
        "--nms-iou",
        type=number_between(0.0, 1.0),
        default=0.65,
        metavar="IOU",
        help="largest overlap of two detections (default: %(default)g)",
    )
    parser.add_argument("--threads", type=int, default=0, help="inference threads; 0: one for each core, at most four")
    parser.add_argument("--report", type=report_path, metavar="FILE", help="write a report with pictures: .html or .md")
    parser.add_argument(
        "--sheets",
        type=count,
        default=12,
        metavar="N",
        help="pictures in the report, those with most errors (default: %(default)d)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from evaluation.detection import LabelledBoxes
    from evaluation.detection_report import evaluate_detections
    from inference.catalogue import MOTION
    from inference.models import load_detector
    from throughline.formats import FormatError
    from throughline.formats.coco_pictures import read_coco_pictures
    from throughline.formats.yolo_folder import corners, read_yolo_folder

    from_json = options.folder.suffix.lower() == ".json"
    if options.images is not None and not from_json:
        raise CommandError("--images goes with a COCO data set, FILE.json", BAD_INPUT)
    try:
        pictures = read_coco_pictures(options.folder, options.images) if from_json else read_yolo_folder(options.folder)
    except FormatError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    if options.only:
        pictures = [one for one in pictures if any(fnmatch.fnmatch(one.path.name, pattern) for pattern in options.only)]
    if not pictures:
        raise CommandError(f"{options.folder}: no picture is called {' or '.join(options.only)}", BAD_INPUT)
    files = [one.path for one in pictures]
    with inference_workers(options.threads) as workers:
        detector, note = load_detector(options.model, workers, min_confidence=options.min_confidence, nms_iou=options.nms_iou)
        if note:
            say(note)
        try:
            if detector.name == MOTION:
                raise CommandError(f"{MOTION} needs moving pictures; name another detector with --model", BAD_INPUT)
            results = detect_all(detector, files)
        finally:
            detector.close()
    truth = [
        LabelledBoxes(corners(one.boxes, *size), one.classes, corners(one.ignored, *size))
        for one, (_, size) in zip(pictures, results, strict=True)
    ]
    found = [detections for detections, _ in results]
    report = evaluate_detections(
        options.folder.resolve().name,
        (detector.name, detector.hash),
        truth,
        found,
        without_labels=sum(not one.labelled for one in pictures),
    )
    if options.report is not None:
        worst = _worst(files, truth, found, report.score.confidence, options.sheets)
        legend = f"scores of {report.score.confidence:.2f} and more; green found, red missed, orange wrong, grey neither"
        sheets = [(f"Pictures with most errors ({legend})", worst)] if worst else []
        write_report(report.to_report(sheets), options.report)
    if options.json:
        print_json(report.to_json())
    else:
        print(report.to_markdown(), end="")
    return 0


def _worst(
    files: Sequence[Path], truth: Sequence[LabelledBoxes], found: Sequence[Detections], confidence: float, wanted: int
) -> list[Picture]:
    """The pictures with most boxes missed and wrong, drawn."""
    from evaluation.contact_sheet import FOUND, IGNORED, MISSED, WRONG, draw_boxes, to_jpeg
    from evaluation.detection import judge_picture
    from evaluation.report import Picture

    judged = [judge_picture(there, seen, confidence) for there, seen in zip(truth, found, strict=True)]
    order = sorted(
        range(len(files)), key=lambda index: (-len(judged[index].missed) - len(judged[index].wrong), files[index].name)
    )
    drawn = []
    for number, index in enumerate(order[:wanted], 1):
        one = judged[index]
        groups = [(one.neither, IGNORED), (one.right, FOUND), (one.wrong, WRONG), (one.missed, MISSED)]
        caption = f"{files[index].name}: {len(one.right)} found, {len(one.missed)} missed, {len(one.wrong)} wrong"
        drawn.append(Picture(f"errors-{number:02d}.jpg", caption, to_jpeg(draw_boxes(read_picture(files[index]), groups))))
    return drawn
