"""`throughline evaluate matches`: how right match events are, how soon, and what their probabilities are worth."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from throughline.commands._arguments import count
from throughline.commands._evaluate_mtmc import add_truth
from throughline.commands._evaluate_output import ToldReport, add_output, print_report
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.formats import FormatError
from throughline.formats.aicity import AiCityRow
from throughline.messages import DecisionTrace, MatchEvent, UnreadableMessageError, decode_match_event
from throughline.settings import Site, load_site

if TYPE_CHECKING:
    from evaluation.matches import MatchTruth
    from evaluation.report import Picture, Report
    from evaluation.visits import Visit
    from throughline.formats.recorded_tracks import RecordedTrack

__all__ = ["add_arguments"]

_Line = TypeVar("_Line")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "--events", type=Path, required=True, metavar="FILE", help="matches.jsonl, as `associate` writes it: an event a line"
    )
    parser.add_argument(
        "--tracks", type=Path, required=True, metavar="DIR", help="the tracks that were matched: <camera>.txt (MOT)"
    )
    parser.add_argument("--site", type=Path, required=True, metavar="SITE", help="site file (YAML)")
    add_truth(parser)
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="what `associate --trace` wrote: the report then shows all that was compared"
    )
    parser.add_argument(
        "--sheets",
        type=count,
        default=12,
        metavar="N",
        help="wrong, and right, decisions shown in the report, if cameras have a video file as `url` (default: %(default)d)",
    )
    parser.add_argument("--shown", type=count, default=7, metavar="K", help="pictures beside each (default: %(default)d)")
    add_output(parser, "plots, and with pictures of decisions")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    return print_report(partial(_evaluated, options), options)


def _evaluated(options: argparse.Namespace) -> tuple[ToldReport, Report]:
    from evaluation.matches import score_matches
    from throughline.formats.aicity_scene import read_aicity_truth
    from throughline.formats.recorded_tracks import read_recorded_tracks

    site = load_site(options.site)
    tracks = read_recorded_tracks(options.tracks, site)
    events = _lines(options.events, decode_match_event)
    known = {track.tracklet.tracklet for track in tracks}
    strangers = [event.tracklet.tracklet for event in events if event.tracklet.tracklet not in known]
    if strangers:
        raise CommandError(f"{options.events}: no track of {options.tracks} is called {strangers[0]}", BAD_INPUT)
    truth = _truth(site, tracks, read_aicity_truth(options.truth))
    report = score_matches(events, truth)
    sheets = [] if options.report is None else _sheets(options, site, tracks, events, truth)
    return report, report.to_report(f"Matches: {site.site}", sheets)


def _truth(site: Site, tracks: Sequence[RecordedTrack], rows: Sequence[AiCityRow]) -> MatchTruth:
    from evaluation.labelling import first_good
    from evaluation.matches import MatchTruth
    from evaluation.mtmc import true_vehicles
    from evaluation.visits import Visit, passages_of
    from throughline.formats.recorded_tracks import rows_with

    vehicles = true_vehicles(rows, rows_with(site, tracks, {track.tracklet.tracklet: track.id for track in tracks}))
    visits = _visits(site, rows)
    by_place: dict[tuple[str, Hashable], list[Visit]] = {}
    for visit in visits:
        by_place.setdefault((visit.camera, visit.vehicle), []).append(visit)
    vehicle_of: dict[str, Hashable | None] = {}
    good = {}
    for track in tracks:
        tracklet = track.tracklet
        vehicle = vehicle_of[tracklet.tracklet] = vehicles.get((site.camera(track.camera).number or 0, track.id))
        shown = Visit(vehicle, track.camera, tracklet.start, tracklet.end)
        first = first_good(shown, by_place.get((track.camera, vehicle), ()))
        if first is not None:
            good[tracklet.tracklet] = first
    passages = passages_of(visits, longest=site.matching.horizon)
    return MatchTruth(vehicle_of, {track.tracklet.tracklet: track.camera for track in tracks}, passages, good)


def _visits(site: Site, rows: Sequence[AiCityRow]) -> list[Visit]:
    """Of the truth, in the site's time."""
    from evaluation.visits import visits_of
    from throughline.formats.recorded_tracks import frame_time

    camera_of = {camera.number: camera for camera in site.cameras}
    frames: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        if row.camera not in camera_of:
            raise FormatError(f"the truth has a camera {row.camera}, which the site {site.site} does not have")
        frames.setdefault((row.camera, row.id), []).append(row.frame)
    return [
        visit
        for (number, vehicle), seen in sorted(frames.items())
        for visit in visits_of(vehicle, camera_of[number].id, (frame_time(camera_of[number], frame) for frame in seen))
    ]


def _sheets(
    options: argparse.Namespace, site: Site, tracks: Sequence[RecordedTrack], events: Sequence[MatchEvent], truth: MatchTruth
) -> list[tuple[str, Sequence[Picture]]]:
    """Decisions to look at, where there is footage."""
    from evaluation.match_sheets import candidates_of_events, candidates_of_traces, chosen_candidates, draw_candidates
    from evaluation.matches import final_vehicles
    from throughline.commands._track_pictures import track_pictures

    if options.trace is None:
        compared = candidates_of_events(events)
    else:
        compared = candidates_of_traces(_lines(options.trace, msgspec.json.Decoder(DecisionTrace).decode))
    chosen = chosen_candidates(compared, truth.vehicle_of, final_vehicles(events), options.sheets)
    wanted = {
        name
        for part in chosen.values()
        for one in part
        for name in (one.tracklet, *(other.tracklet for other in one.ranked[: options.shown]))
    }
    pictures = track_pictures(site, [track for track in tracks if track.tracklet.tracklet in wanted])
    if not pictures:
        return []
    return [
        (
            heading,
            [
                draw_candidates(
                    one,
                    f"{heading.split()[0].lower()}-{number:02d}",
                    pictures.get,
                    truth.vehicle_of,
                    truth.camera_of,
                    shown=options.shown,
                )
                for number, one in enumerate(part, 1)
            ],
        )
        for heading, part in chosen.items()
    ]


def _lines(path: Path, decode: Callable[[bytes], _Line]) -> list[_Line]:
    """One message a line.

    Raises:
        FormatError: the file cannot be read, or a line is no such message.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror}") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(decode(line))
        except (UnreadableMessageError, msgspec.DecodeError) as error:
            raise FormatError(f"{path}:{number}: {error}") from None
    return found
