"""`throughline evaluate mtmc`: how well vehicles are followed across cameras, and what each rule of the matcher is worth."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from throughline.commands._ablations import ablate
from throughline.commands._arguments import number_between
from throughline.commands._evaluate_output import ToldReport, add_output, print_report
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import say
from throughline.formats.aicity import AiCityRow

if TYPE_CHECKING:
    from evaluation.mtmc_filters import MtmcFilters
    from evaluation.report import Report

__all__ = ["add_arguments", "add_truth"]


def add_truth(parser: argparse.ArgumentParser) -> None:
    """Adds ``--truth``."""
    parser.add_argument(
        "--truth",
        type=Path,
        required=True,
        metavar="FILE",
        help="rows: camera_number id frame x y w h -1 -1; or the folder of an AI City scene, with c001/gt/gt.txt",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_truth(parser)
    parser.add_argument("--result", type=Path, metavar="FILE", help="rows as well, as `associate` writes tracks.txt")
    parser.add_argument(
        "--tracks", type=Path, metavar="DIR", help="instead: match these tracks of single cameras now, as `associate` does"
    )
    parser.add_argument("--site", type=Path, metavar="SITE", help="site file (YAML) of --tracks")
    parser.add_argument(
        "--ablate", action="store_true", help="with --tracks: also with each rule of `matching` turned, one by one"
    )
    parser.add_argument(
        "--iou",
        type=number_between(0.0, 1.0),
        default=0.5,
        metavar="IOU",
        help="least overlap of two boxes of one vehicle, for all but HOTA (default: %(default)g)",
    )
    filters = parser.add_argument_group("filters", "what counts neither way; --aicity with --roi is what the challenge did")
    filters.add_argument(
        "--aicity", action="store_true", help="vehicles of one camera alone, and second boxes of an id in one picture"
    )
    filters.add_argument(
        "--roi",
        type=Path,
        nargs="?",
        const=True,
        metavar="DIR",
        help="boxes with a corner outside of c001/roi.jpg, or c001.png, of this folder (without DIR: of that of --truth)",
    )
    filters.add_argument(
        "--least-area", type=number_between(0.0, 1e9), default=0.0, metavar="PX", help="boxes of fewer square pixels"
    )
    add_output(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if (options.result is None) == (options.tracks is None):
        raise CommandError("expected either --result FILE, or --tracks DIR and --site SITE", BAD_INPUT)
    if (options.tracks is None) != (options.site is None):
        raise CommandError("--tracks needs --site, and the other way round", BAD_INPUT)
    if options.ablate and options.tracks is None:
        raise CommandError("--ablate runs the matcher: it needs --tracks and --site", BAD_INPUT)
    return print_report(partial(_ablated if options.ablate else _evaluated, options), options)


def _evaluated(options: argparse.Namespace) -> tuple[ToldReport, Report]:
    from evaluation.mtmc import evaluate_mtmc
    from throughline.formats.aicity import read_aicity
    from throughline.formats.aicity_scene import read_aicity_truth

    truth = read_aicity_truth(options.truth)
    result = _matched(options) if options.result is None else read_aicity(options.result)
    report = evaluate_mtmc(truth, result, iou=options.iou, filters=_filters(options, truth))
    return report, report.to_report()


def _matched(options: argparse.Namespace) -> list[AiCityRow]:
    from matcher.associate import associate
    from throughline.formats.recorded_tracks import read_recorded_tracks, rows_with
    from throughline.settings import load_site

    site = load_site(options.site)
    tracks = read_recorded_tracks(options.tracks, site)
    return rows_with(site, tracks, associate(site, tracks).ids)


def _ablated(options: argparse.Namespace) -> tuple[ToldReport, Report]:
    from evaluation.mtmc import evaluate_mtmc, true_vehicles
    from throughline.formats.aicity_scene import read_aicity_truth
    from throughline.formats.recorded_tracks import read_recorded_tracks, rows_with
    from throughline.settings import load_site

    truth = read_aicity_truth(options.truth)
    site = load_site(options.site)
    tracks = read_recorded_tracks(options.tracks, site)
    filters = _filters(options, truth)
    local = rows_with(site, tracks, {track.tracklet.tracklet: track.id for track in tracks})
    vehicles = true_vehicles(truth, local)
    shown = {track.tracklet.tracklet: (site.camera(track.camera).number or 0, track.id) for track in tracks}
    table = ablate(
        site,
        tracks,
        lambda rows: evaluate_mtmc(truth, rows, iou=options.iou, filters=filters),
        {tracklet: vehicles[place] for tracklet, place in shown.items() if place in vehicles},
        say,
    )
    return table, table.to_report(f"What each rule is worth: {site.site}")


def _filters(options: argparse.Namespace, truth: Iterable[AiCityRow]) -> MtmcFilters:
    from evaluation.mtmc_filters import MtmcFilters

    regions = {}
    if options.roi is not None:
        regions = _regions(options.truth if options.roi is True else options.roi, {row.camera for row in truth})
    return MtmcFilters(regions, options.least_area, several_cameras=options.aicity, once_a_picture=options.aicity)


def _regions(folder: Path, cameras: set[int]) -> dict[int, npt.NDArray[np.bool_]]:
    import cv2

    if not folder.is_dir():
        raise CommandError(f"{folder}: no such folder; --roi needs one with c001/roi.jpg or c001.png", BAD_INPUT)
    files = {
        int(digits): path
        for path in sorted([*folder.glob("*/roi.*"), *folder.glob("*.png"), *folder.glob("*.jpg")])
        if (digits := re.sub(r"\D", "", path.parent.name if path.stem == "roi" else path.stem))
    }
    missing = sorted(cameras - set(files))
    if missing:
        raise CommandError(f"{folder}: no roi.jpg or picture for camera {missing[0]}", BAD_INPUT)
    regions = {}
    for camera in sorted(cameras):
        picture = cv2.imread(str(files[camera]), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise CommandError(f"{files[camera]}: not a picture", BAD_INPUT)
        regions[camera] = np.asarray(picture == 255)
    return regions
