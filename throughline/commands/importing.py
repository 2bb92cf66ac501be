"""`throughline import`: data sets of others, as the folders and the site file that the other commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from throughline.commands._arguments import number_between
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import say

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("import", help="turn a data set of others into a site file, tracks, detections and truth")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")

    aicity = kinds.add_parser("aicity", help="a scene of the AI City Challenge (CityFlow): cameras, clocks, calibration, truth")
    aicity.add_argument("source", type=Path, metavar="DIR", help="the scene's folder, such as train/S01, with c001/ and so on")
    aicity.add_argument(
        "--timestamps",
        type=Path,
        metavar="FILE",
        help="when recordings begin: 'c001 1.640' (default: cam_timestamp/<scene>.txt near DIR)",
    )
    aicity.add_argument(
        "--fps",
        type=_frame_rate,
        action="append",
        default=[],
        metavar="[CAMERA=]FPS",
        help="frames a second, of one camera or of all whose video is not there (default: 10); repeat",
    )
    aicity.add_argument("--detector", metavar="NAME", help="take det/det_NAME.txt (default: the first that all cameras have)")
    aicity.add_argument(
        "--tracker", metavar="NAME", help="take mtsc/mtsc_NAME.txt, or the truth's own tracks: truth (default: the first, too)"
    )
    aicity.add_argument(
        "--no-links", action="store_true", help="leave it to the matcher to learn how vehicles drive, though the truth tells"
    )
    _add_out(aicity)
    aicity.set_defaults(run=lambda options: _run(options, _aicity))

    mot = kinds.add_parser("mot", help="sequences of the MOTChallenge: detections and truth, frame rate and size")
    mot.add_argument("source", type=Path, metavar="DIR", help="a sequence with seqinfo.ini, or a folder of sequences")
    _add_out(mot)
    mot.set_defaults(run=lambda options: _run(options, _mot))

    veri = kinds.add_parser("veri", help="crops to find vehicles again by: an index.csv for training, one for each part to score")
    veri.add_argument(
        "source", type=Path, metavar="DIR", help="image_train/, image_query/, image_test/ and their labels, train_label.xml ..."
    )
    _add_out(veri)
    veri.set_defaults(run=lambda options: _run(options, _veri))


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where all is written; an empty or a new folder")


def _frame_rate(text: str) -> tuple[str | None, float]:
    camera, sign, rate = text.rpartition("=")
    return (camera if sign else None), number_between(0.0, 120.0, ends=False)(rate)


def _run(options: argparse.Namespace, work: Callable[[argparse.Namespace], list[str]]) -> int:
    """Does the work, unless the folder has something in it already."""
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise CommandError(f"{options.out}: expected an empty or a new folder", BAD_INPUT)
    try:
        told = work(options)
    except ValueError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    except OSError as error:
        raise CommandError(f"{error.filename or options.out}: cannot be written: {error.strerror}") from error
    for line in told:
        say(line)
    return 0


def _aicity(options: argparse.Namespace) -> list[str]:
    from throughline.commands._import_aicity import import_scene
    from throughline.formats.aicity_scene import read_aicity_scene

    return import_scene(
        read_aicity_scene(options.source, options.timestamps),
        options.out,
        dict(options.fps),
        detector=options.detector,
        tracker=options.tracker,
        links=not options.no_links,
    )


def _mot(options: argparse.Namespace) -> list[str]:
    from throughline.commands._import_mot import import_sequences

    return import_sequences(options.source, options.out)


def _veri(options: argparse.Namespace) -> list[str]:
    from throughline.commands._import_veri import import_crops

    return import_crops(options.source, options.out)
