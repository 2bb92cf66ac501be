"""How right the product was about a scene with known truth, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.labelling import CameraTruth, Vehicle, label, passages
from throughline.commands._demo_run import Recording
from throughline.settings import Site
from throughline.telemetry.scrape import Scrape
from throughline.times import after

__all__ = ["report", "report_lines"]

_LATENCY = "throughline_capture_to_tracklet_seconds"
_DECISION = "throughline_decision_delay_seconds"
_MARGIN = 1.5
"""Seconds by which a tracklet may begin before, or end after, the passage that it belongs to."""


def report(site: Site, recording: Recording, truth: Mapping[str, CameraTruth]) -> dict[str, Any]:
    """Compares final joins with the true passages.

    A true passage is a vehicle that both cameras of a link show while the product was watched. It is *matched* when a confirmed
    join connects a tracklet of it at the one camera with a tracklet of it at the other; else it is *missed*. A join of tracklets
    that show different vehicles, or something that is no vehicle, is *wrong*; joins outside the watched time are not counted.
    """
    shown = {
        name: label(tracklet.path, truth[tracklet.camera])
        for name, tracklet in recording.closed.items()
        if tracklet.camera in truth and tracklet.path
    }
    joins = _final_joins(recording)
    links = [_link(site_link.from_, site_link.to, recording, truth, shown, joins) for site_link in site.links]
    total = {
        key: sum(link[key] for link in links) for key in ("true_passages", "matched", "missed", "missed_not_tracked", "wrong")
    }
    metrics = Scrape.parse(recording.exposition)
    return {
        **total,
        "precision": _share(total["matched"], total["matched"] + total["wrong"]),
        "recall": _share(total["matched"], total["true_passages"]),
        "links": links,
        "seconds": round(recording.wall_seconds, 1),
        "capture_to_tracklet_seconds": {"p50": metrics.quantile(_LATENCY, 0.5), "p99": metrics.quantile(_LATENCY, 0.99)},
        "decision_delay_seconds": {
            "p50": metrics.quantile(_DECISION, 0.5, kind="provisional"),
            "p99": metrics.quantile(_DECISION, 0.99, kind="provisional"),
        },
        "cores": recording.cpu_seconds / recording.wall_seconds if recording.wall_seconds else 0.0,
        "frames": {
            camera.id: {
                "analysed": metrics.total("throughline_frames_analysed_total", camera=camera.id),
                "dropped_busy": metrics.total("throughline_frames_dropped_total", camera=camera.id, reason="busy"),
            }
            for camera in site.cameras
        },
    }


def report_lines(result: Mapping[str, Any]) -> list[str]:
    """The report for a person."""
    latency, delay = result["capture_to_tracklet_seconds"], result["decision_delay_seconds"]
    lines = [f"Against the known truth, {result['seconds']:.0f} s of traffic:", ""]
    lines += [
        f"  {link['link']}: {link['true_passages']} true passages, {link['matched']} matched, {link['missed']} missed "
        f"({link['missed_not_tracked']} of them not tracked by one of the cameras), {link['wrong']} wrong"
        for link in result["links"]
    ]
    dropped = sum(frames["dropped_busy"] for frames in result["frames"].values())
    analysed = sum(frames["analysed"] for frames in result["frames"].values())
    lines += [
        "",
        f"  precision {result['precision']:.3f}, recall {result['recall']:.3f}",
        f"  capture of a frame to its record on Kafka: p50 {latency['p50'] * 1000:.0f} ms, p99 {latency['p99'] * 1000:.0f} ms",
        f"  first sighting of a vehicle to its provisional match: p50 {delay['p50']:.1f} s, p99 {delay['p99']:.1f} s",
        f"  {result['cores']:.2f} cores used; {analysed:.0f} frames analysed, {dropped:.0f} dropped because the machine was busy",
    ]
    return lines


def _final_joins(recording: Recording) -> dict[str, str]:
    """The tracklet that each tracklet was finally joined to."""
    joins: dict[str, str] = {}
    for event in recording.events:
        if event.kind in ("confirmed", "revised") and event.joined is not None:
            joins[event.tracklet.tracklet] = event.joined.tracklet
        elif event.kind in ("retracted", "new", "revised"):
            joins.pop(event.tracklet.tracklet, None)
    return joins


def _link(
    origin: str,
    destination: str,
    recording: Recording,
    truth: Mapping[str, CameraTruth],
    shown: Mapping[str, Vehicle | None],
    joins: Mapping[str, str],
) -> dict[str, Any]:
    true = {passage.vehicle for passage in passages(truth[origin], truth[destination], recording.start, recording.end)}
    closed = recording.closed
    on_link = {
        (later, earlier)
        for later, earlier in joins.items()
        if later in closed and earlier in closed and (closed[earlier].camera, closed[later].camera) == (origin, destination)
    }
    matched = {
        shown[later] for later, earlier in on_link if shown.get(later) is not None and shown.get(later) == shown.get(earlier)
    }
    low, high = after(recording.start, -_MARGIN), after(recording.end, _MARGIN)
    wrong = [
        (later, earlier)
        for later, earlier in on_link
        if (shown.get(later) is None or shown.get(later) != shown.get(earlier))
        and low <= closed[earlier].start
        and closed[later].end <= high
    ]
    tracked = {camera: {shown[name] for name in shown if closed[name].camera == camera} for camera in (origin, destination)}
    missed = true - matched
    return {
        "link": f"{origin} -> {destination}",
        "true_passages": len(true),
        "matched": len(true & matched),
        "missed": len(missed),
        "missed_not_tracked": sum(vehicle not in tracked[origin] or vehicle not in tracked[destination] for vehicle in missed),
        "wrong": len(wrong),
        "missed_passages": [{"loop": loop, "vehicle": vehicle} for loop, vehicle in sorted(missed)],
        "wrong_joins": [{"tracklet": later, "joined": earlier} for later, earlier in sorted(wrong)],
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
