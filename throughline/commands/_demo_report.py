"""How right the product was about a scene, as far as the truth is known, how sure, and how fast."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

import cv2
import numpy as np

from evaluation.calibration import calibration_report
from evaluation.contact_sheet import draw_ranking, to_jpeg
from evaluation.delays import Delays
from evaluation.labelling import CameraTruth
from evaluation.match_report import MatchReport, link_name
from evaluation.matches import final_joins, score_matches
from evaluation.mtmc import MtmcReport, evaluate_mtmc
from evaluation.report import Block, Cell, Picture, Report, Table
from throughline.commands._demo_run import Recording
from throughline.commands._demo_truth import box_rows, counted_tracklets, match_truth
from throughline.messages import MatchEvent
from throughline.settings import Site
from throughline.telemetry.scrape import Scrape
from throughline.times import seconds_between

__all__ = ["Outcome", "judge"]

_MOST_PICTURES: Final = 24


class Outcome:
    """What there is to say at the end.

    Attributes:
        result: Plain values, for one JSON object.
        lines: For a person at the terminal.
        report: For a person who wants to know more.
    """

    def __init__(self, result: dict[str, Any], lines: list[str], report: Report) -> None:
        self.result: dict[str, Any] = _plain(result)
        self.lines = lines
        self.report = report


def _plain(value: Any) -> Any:
    """The value with None where a number is none: JSON knows no NaN."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def judge(
    title: str, site: Site, recording: Recording, truth: Mapping[str, CameraTruth] | None, *, speed: float = 1.0
) -> Outcome:
    """Compares what was recorded with the truth where it is known, and tells what can be told without where it is not.

    Args:
        title: What was shown.
        site: That was watched.
        recording: Of it.
        truth: True boxes by camera; None: nobody knows.
        speed: At which the footage was played; at another one than 1 there is no telling how late a record is.
    """
    machine = _machine(site, recording, speed)
    if truth is None:
        return _without_truth(title, recording, machine)
    told = match_truth(site, recording, truth)
    counted = counted_tracklets(recording)
    matches = score_matches(recording.events, told, counted=counted, told=recording.told)
    across = evaluate_mtmc(*box_rows(site, recording, truth))
    result = {**matches.to_json(), "mtmc": across.to_json(), **machine}
    right = {name: vehicle for name, vehicle in told.vehicle_of.items() if vehicle is not None}
    sheet = _sheet(
        [event for event in recording.events if event.tracklet.tracklet in counted],
        recording,
        lambda event: right.get(event.tracklet.tracklet, 0) == right.get(_joined(event), 1),
    )
    report = _with_machine(matches.to_report("Throughline demo: matches against the truth", sheet), title, machine, across)
    return Outcome(result, _lines(matches, across, machine), report)


def _joined(event: MatchEvent) -> str:
    return "" if event.joined is None else event.joined.tracklet


def _machine(site: Site, recording: Recording, speed: float) -> dict[str, Any]:
    """What it cost, and how late things came."""
    metrics = Scrape.parse(recording.exposition)
    latency = {text: metrics.quantile("throughline_capture_to_tracklet_seconds", share) for text, share in _SHARES.items()}
    return {
        "seconds": round(max(0.0, seconds_between(recording.start, recording.end)), 1),
        "capture_to_tracklet_seconds": latency if speed == 1.0 else None,
        "cores": recording.cpu_seconds / recording.wall_seconds if recording.wall_seconds else 0.0,
        "frames": {
            camera.id: {
                "analysed": metrics.total("throughline_frames_analysed_total", camera=camera.id),
                "dropped_busy": sum(
                    metrics.total("throughline_frames_dropped_total", camera=camera.id, reason=reason)
                    for reason in ("busy", "pressure")
                ),
            }
            for camera in site.cameras
        },
    }


_SHARES: Final = {"p50": 0.5, "p99": 0.99}


def _machine_lines(machine: Mapping[str, Any]) -> list[str]:
    frames = machine["frames"].values()
    analysed, dropped = (sum(camera[kind] for camera in frames) for kind in ("analysed", "dropped_busy"))
    lines = [
        f"{machine['cores']:.2f} cores used; {analysed:.0f} frames analysed, {dropped:.0f} dropped because the machine was busy"
    ]
    latency = machine["capture_to_tracklet_seconds"]
    if latency is not None and not math.isnan(latency["p50"]):
        milliseconds = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in latency.items())
        lines.insert(0, f"capture of a frame to its record on Kafka: {milliseconds}")
    return lines


def _with_machine(report: Report, about: str, machine: Mapping[str, Any], across: MtmcReport | None) -> Report:
    sections = list(report.sections)
    if across is not None:
        rows: list[Sequence[Cell]] = [("all cameras", across.identity.f1, across.identity.precision, across.identity.recall)]
        rows += [(f"camera {number}", one.f1, one.precision, one.recall) for number, one in across.by_camera.items()]
        told = (
            "Identities over all pictures of all cameras together, box by box (overlap of at least 0.5): a vehicle has to be "
            f"found, followed and recognised. {across.true_vehicles} vehicles are in the truth, {across.found_vehicles} in the "
            "result."
        )
        sections.insert(1, ("Across cameras", [told, Table(("", "IDF1", "IDP", "IDR"), rows)]))
    frames: list[Sequence[Cell]] = [
        (name, int(one["analysed"]), int(one["dropped_busy"])) for name, one in machine["frames"].items()
    ]
    cost: list[Block] = [*(line[:1].upper() + line[1:] + "." for line in _machine_lines(machine))]
    cost.append(Table(("camera", "frames analysed", "dropped because the machine was busy"), frames))
    return Report(report.title, [about.replace("\n", " "), *report.opening], [*sections, ("What it cost", cost)])


def _lines(matches: MatchReport, across: MtmcReport, machine: Mapping[str, Any]) -> list[str]:
    lines = [f"Against the known truth, {machine['seconds']:.0f} s of traffic:", ""]
    for link in matches.links:
        score = matches.passages.by_link[link]
        true = len(score.matched) + len(score.missed)
        passed = f"{len(score.matched)} of {true} true passages matched, {len(score.missed)} missed, " if true else ""
        lines.append(f"  {link_name(*link)}: {passed}{len(score.wrong)} wrong")
    provisional, confirmed = matches.provisional_delays, matches.confirmed_delays
    score = matches.passages
    calibration = matches.calibration
    lines += [
        "",
        f"  {len(matches.untracked)} of the missed ones were not tracked by one of the two cameras",
        f"  precision {score.precision:.3f}, recall {score.recall:.3f}; IDF1 over all cameras {across.identity.f1:.3f}",
        f"  probabilities: calibration error {calibration.error:.3f} over {calibration.count} confirmed joins",
        f"  first good sight of a vehicle to its provisional match: {_of(provisional)}; to the confirmed one: {_of(confirmed)}",
        *(f"  {line}" for line in _machine_lines(machine)),
    ]
    return lines


def _of(delays: Delays) -> str:
    return f"p50 {delays.quantile(0.5):.1f} s, p99 {delays.quantile(0.99):.1f} s" if delays.seconds else "none"


def _without_truth(title: str, recording: Recording, machine: dict[str, Any]) -> Outcome:
    joins = final_joins(recording.events)
    last = {event.tracklet.tracklet: event for event in recording.events if event.joined is not None}
    links = Counter((join.joined_camera, join.camera) for join in joins)
    of_link = {link: [last[join.tracklet] for join in joins if (join.joined_camera, join.camera) == link] for link in links}
    # Without truth it can still be asked whether first probabilities were borne out by what was decided with more evidence.
    first: dict[str, MatchEvent] = {}
    for event in recording.events:
        if event.joined is not None and event.kind == "provisional":
            first.setdefault(event.tracklet.tracklet, event)
    settled = {join.tracklet: join.joined for join in joins}
    decided = {event.tracklet.tracklet for event in recording.events if event.kind not in ("provisional", "watchlist")}
    early = [event for name, event in first.items() if name in decided and event.probability is not None]
    stood = calibration_report(
        np.array([event.probability for event in early], np.float64),
        np.array([settled.get(event.tracklet.tracklet) == _joined(event) for event in early], np.bool_),
    )
    vehicles = {event.vehicle for event in recording.events if event.kind != "watchlist"}
    probabilities = [event.probability for events in of_link.values() for event in events if event.probability is not None]
    expected = sum(probabilities)
    kinds = Counter(event.kind for event in recording.events)
    result = {
        "tracklets": len(recording.closed),
        "vehicles": len(vehicles),
        "matched": len(joins),
        "expected_right": round(expected, 2),
        "events": dict(kinds),
        "links": {
            link_name(*link): {
                "matched": len(events),
                "mean_probability": float(np.mean([event.probability or 0.0 for event in events])),
                "median_travel_seconds": median(event.travel_time or 0.0 for event in events),
            }
            for link, events in of_link.items()
        },
        "provisional_that_stood": stood.to_json(),
        **machine,
    }
    rows: list[Sequence[Cell]] = [
        (name, one["matched"], one["mean_probability"], f"{one['median_travel_seconds']:.1f} s")
        for name, one in result["links"].items()
    ]
    told = (
        f"{len(recording.closed)} tracklets, {len(vehicles)} vehicles, {len(joins)} matches. By their own probabilities "
        f"{expected:.1f} of the matches are right; nobody knows the truth."
    )
    opening: list[Block] = [told, Table(("link", "matches", "mean probability", "median travel time"), rows)] if rows else [told]
    standing: list[Block] = ["No provisional match was decided for good."]
    if stood.bins:
        note = "how many stood when they were decided for good, by their probability. This is not the truth, but has to hold too."
        parts = [(part.count, part.probability, part.right) for part in stood.bins]
        standing = [
            f"Of {stood.count} provisional matches, {note}",
            Table(("matches", "mean probability", "share that stood"), parts),
        ]
    sections: list[tuple[str, Sequence[Block]]] = [("Did first decisions stand?", standing)]
    sections += _sheet(recording.events, recording, None)
    report = _with_machine(Report("Throughline demo: what was matched", opening, sections), title, machine, None)
    lines = [f"{told}", ""]
    lines += [
        f"  {name}: {count} matches, mean probability {mean:.3f}, median travel time {travel}"
        for name, count, mean, travel in rows
    ]
    lines += ["", *(f"  {line}" for line in _machine_lines(machine))]
    return Outcome(result, lines, report)


def _sheet(events: Sequence[MatchEvent], recording: Recording, right: Any) -> list[tuple[str, Sequence[Picture]]]:
    """Pairs of best shots of the joins that stand, wrong ones first."""
    standing = {(join.tracklet, join.joined) for join in final_joins(events)}
    last = {
        event.tracklet.tracklet: event
        for event in events
        if (event.tracklet.tracklet, _joined(event)) in standing
        and {event.tracklet.tracklet, _joined(event)} <= recording.shots.keys()
    }
    chosen = sorted(last.values(), key=lambda event: (right is not None and right(event), event.sequence))[:_MOST_PICTURES]
    pictures = []
    for number, event in enumerate(chosen):
        verdict = None if right is None else bool(right(event))
        earlier, later = (_decoded(recording.shots[name]) for name in (_joined(event), event.tracklet.tracklet))
        below = f"{event.probability or 0.0:.3f}"
        row = draw_ranking(earlier, [] if verdict is None else [(later, verdict, below)], text=_camera(event))
        if verdict is None:
            row = np.concatenate([row, draw_ranking(later, [], text=below)], axis=1)
        because = ", ".join(f"{term.term.replace('_', ' ')} {term.llr:+.1f}" for term in event.evidence)
        told = "" if verdict is None else "right: " if verdict else "wrong: "
        caption = f"{told}{_camera(event)} to {event.tracklet.camera}, probability {event.probability or 0.0:.3f} ({because})"
        pictures.append(Picture(f"match-{number}.jpg", caption, to_jpeg(row)))
    return [("Matches, looked at", pictures)] if pictures else []


def _camera(event: MatchEvent) -> str:
    return "" if event.joined is None else event.joined.camera


def _decoded(jpeg: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
