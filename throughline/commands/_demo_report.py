"""How right the product was about a scene with known truth, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.labelling import CameraTruth, label, passages
from evaluation.passages import Join, score_passages
from throughline.commands._demo_run import Recording
from throughline.settings import Site
from throughline.telemetry.scrape import Scrape
from throughline.times import after

__all__ = ["report", "report_lines"]

_MARGIN = 1.5
"""Seconds by which a tracklet may begin before, or end after, the passage that it belongs to."""


def report(site: Site, recording: Recording, truth: Mapping[str, CameraTruth]) -> dict[str, Any]:
    """Compares final joins with the true passages.

    A true passage is a vehicle that both cameras of a link show while the product was watched. It is *matched* when a confirmed
    join connects a tracklet of it at the one camera with a tracklet of it at the other; else it is *missed*. A join of tracklets
    that show different vehicles, or something that is no vehicle, is *wrong*, also within one camera.
    """
    closed = recording.closed
    shown = {name: label(tracklet.path, truth[tracklet.camera]) for name, tracklet in closed.items() if tracklet.camera in truth}
    true = [
        passage for link in site.links for passage in passages(truth[link.from_], truth[link.to], recording.start, recording.end)
    ]
    score = score_passages(shown, _joins(recording), true)
    seen = {(closed[name].camera, vehicle) for name, vehicle in shown.items()}
    untracked = [p for p in score.missed if (p.from_, p.vehicle) not in seen or (p.to, p.vehicle) not in seen]
    metrics = Scrape.parse(recording.exposition)
    return {
        "true_passages": len(true),
        "matched": len(score.matched),
        "missed": len(score.missed),
        "missed_not_tracked": len(untracked),
        "wrong": len(score.wrong),
        "precision": score.precision,
        "recall": score.recall,
        "links": {
            f"{origin} -> {destination}" if origin != destination else f"parts of a track in {origin}": {
                "matched": len(link.matched),
                "missed": len(link.missed),
                "wrong": len(link.wrong),
            }
            for (origin, destination), link in score.by_link.items()
        },
        "seconds": round(recording.wall_seconds, 1),
        "capture_to_tracklet_seconds": _quantiles(metrics, "throughline_capture_to_tracklet_seconds"),
        "decision_delay_seconds": _quantiles(metrics, "throughline_decision_delay_seconds", kind="provisional"),
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


def report_lines(result: Mapping[str, Any]) -> list[str]:
    """The report for a person."""
    latency, delay = result["capture_to_tracklet_seconds"], result["decision_delay_seconds"]
    lines = [f"Against the known truth, {result['seconds']:.0f} s of traffic:", ""]
    for name, link in result["links"].items():
        true = link["matched"] + link["missed"]
        passed = f"{link['matched']} of {true} true passages matched, {link['missed']} missed, " if true else ""
        lines.append(f"  {name}: {passed}{link['wrong']} wrong")
    lines += ["", f"  {result['missed_not_tracked']} of the missed ones were not tracked by one of the two cameras"]
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


def _joins(recording: Recording) -> list[Join]:
    """Final joins of tracklets that lie within the watched time."""
    final: dict[str, str] = {}
    for event in recording.events:
        if event.kind in ("confirmed", "revised") and event.joined is not None:
            final[event.tracklet.tracklet] = event.joined.tracklet
        elif event.kind in ("retracted", "new", "revised"):
            final.pop(event.tracklet.tracklet, None)
    closed, low, high = recording.closed, after(recording.start, -_MARGIN), after(recording.end, _MARGIN)
    return [
        Join(later, closed[later].camera, earlier, closed[earlier].camera)
        for later, earlier in final.items()
        if later in closed and earlier in closed and low <= closed[earlier].start and closed[later].end <= high
    ]


def _quantiles(metrics: Scrape, name: str, **labels: str) -> dict[str, float]:
    return {text: metrics.quantile(name, share, None, **labels) for text, share in (("p50", 0.5), ("p99", 0.99))}
