"""Five hundred cameras: how much the matcher takes, how soon it decides, and how right."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks._matcher_figures import quantiles
from benchmarks.city.cut_passages import arrivals_of, cut_passages
from benchmarks.city.drawn import shortened, with_similarity
from benchmarks.city.drawn_camera import EPOCH
from evaluation.delays import Delays
from evaluation.matches import MatchTruth, score_matches
from evaluation.visits import Visit, passages_of
from matcher.deciding import spare_collector
from matcher.engine import Matcher
from simulation.appearance import DrawnAttributes, DrawnEmbeddings
from simulation.city.passages import passages
from simulation.city.site import site_of
from simulation.city.storage import shipped_scenario
from simulation.city.truth import annotated
from simulation.city.visibility import all_sightings
from throughline.messages import Tracklet, decode_record, encode_record
from throughline.times import after, seconds_between

__all__ = ["run"]

_FPS = 4.0
"""Frames a second that passages are cut from: as fine as paths are."""


def run(minutes: float | None, *, quick: bool, tell: Callable[[str], object] = print) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    """The load scenario: figures for programs, and tables for people."""
    scenario = shortened(shipped_scenario("load"), minutes)
    tell(f"{len(scenario.cameras)} cameras, {scenario.seconds / 60:.0f} minutes ...")
    site = with_similarity(site_of(scenario, 10.0), scenario)
    shown = list(all_sightings(scenario, _FPS))
    cut = list(cut_passages(shown, scenario))
    links = {(link.from_, link.to) for link in site.links}
    visits = [
        Visit(one.vehicle, one.camera, after(EPOCH, one.start), after(EPOCH, one.end)) for one in passages(map(annotated, shown))
    ]
    truth = MatchTruth(
        {one.tracklet: one.vehicle for one in cut},
        {one.tracklet: one.camera for one in cut},
        passages_of(visits, links=links),
    )
    tell(f"{len(cut)} tracklets, {len(truth.passages)} passages by {len(links)} links; matching ...")
    embeddings = DrawnEmbeddings(scenario.vehicles, scenario.seed)
    records = arrivals_of(cut, site, embeddings, DrawnAttributes(scenario.vehicles, scenario.seed), scenario.seconds)
    matcher = Matcher(site)
    spare_collector()  # as in the process of its own that the product gives it
    events, told = [], {}
    tracklets: list[int] = []
    core = 0
    for at, record in records:
        value = encode_record(record)
        begun, core_begun = time.perf_counter_ns(), time.thread_time_ns()
        found = matcher.process(decode_record(value))
        core += time.thread_time_ns() - core_begun
        if isinstance(record, Tracklet):
            tracklets.append(time.perf_counter_ns() - begun)
        for event in found:
            events.append(event)
            told[event.event] = at
    report = score_matches(events, truth, told=told)
    started = {one.tracklet: one.start for one in cut}
    first: dict[str, float] = {}
    for event in events:
        if event.kind == "provisional":
            tracklet = event.tracklet.tracklet
            first.setdefault(tracklet, seconds_between(started[tracklet], told[event.event]))
    score = report.passages
    seconds = core / 1e9
    figures: dict[str, Any] = {
        "cameras": len(scenario.cameras),
        "minutes": scenario.seconds / 60,
        "tracklet records": len(tracklets),
        "tracklets": len(cut),
        "core seconds": seconds,
        "records a second of core time": len(tracklets) / seconds,
        "tracklets a second of core time": len(cut) / seconds,
        "times real time": scenario.seconds / seconds,
        "microseconds a tracklet record": quantiles(tracklets),
        "start of a tracklet to its first provisional event, seconds": Delays(tuple(first.values())).to_json(),
        "start of a tracklet to its right provisional event, seconds": report.provisional_delays.to_json(),
        "true passages": len(score.matched) + len(score.missed),
        "precision": score.precision,
        "recall": score.recall,
        "wrong joins": len(score.wrong),
        "pairs F1": report.pairs.f1,
        "calibration error": report.calibration.error,
        "events": dict(report.kinds),
    }
    lines = ["| | |", "|---|---|", *(f"| {name} | {_shown(value)} |" for name, value in figures.items())]
    return figures, "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
