"""`throughline import aicity`: a scene of CityFlow as a site."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from throughline.commands._import_output import write_site
from throughline.formats import FormatError
from throughline.formats.aicity import AiCityRow, write_aicity
from throughline.formats.aicity_scene import AiCityScene, SceneCamera
from throughline.formats.cityflow_calibration import ground_of, read_calibration
from throughline.formats.mot import read_mot, read_mot_tracks, write_mot
from throughline.times import Instant, after, seconds_between, to_instant

if TYPE_CHECKING:
    from evaluation.visits import Visit

__all__ = ["import_scene"]

_FPS = 10.0
_SIZE = (1920, 1080)
_LEAST_TRIPS = 2
_LONGEST_TRIP = 300.0
"""Seconds: who takes longer was somewhere else."""
_TRUTH = "truth"


def import_scene(
    scene: AiCityScene,
    out: Path,
    rates: Mapping[str | None, float],
    *,
    detector: str | None = None,
    tracker: str | None = None,
    links: bool = True,
) -> list[str]:
    """Writes ``site.yaml`` and, as far as the scene has them, ``truth.txt``, ``tracks/`` and ``detections/``.

    Args:
        scene: What to import.
        out: Where to.
        rates: Frames a second by camera id; None: of all others whose video does not tell.
        detector: Whose detections to take; None: the first by name that all cameras have.
        tracker: Whose tracks of single cameras; ``truth``: the true ones; None: the first by name that all cameras have.
        links: Measure how vehicles get from camera to camera in the truth.

    Returns:
        What was done, for people.

    Raises:
        FormatError: a file is not what it should be.
        ValueError: an option names what is not there.
        OSError: a file cannot be written.
    """
    strangers = sorted(name for name in rates if name is not None and name not in {camera.id for camera in scene.cameras})
    if strangers:
        raise ValueError(f"--fps names the camera {strangers[0]}, which the scene {scene.name} does not have")
    cameras = [_camera(camera, rates) for camera in scene.cameras]
    known = any(camera.truth for camera in scene.cameras)
    truth = scene.truth() if known else []
    detections = _chosen(scene, {camera.id: camera.detections for camera in scene.cameras}, detector, "--detector")
    tracks = {} if tracker == _TRUTH else _chosen(scene, {one.id: one.tracks for one in scene.cameras}, tracker, "--tracker")
    if tracker == _TRUTH:
        if not known:
            raise ValueError(f"--tracker truth: the scene {scene.name} has no truth")
        tracks = {camera.id: camera.truth for camera in scene.cameras if camera.truth is not None}
    measured = _links(scene, cameras, truth) if links and known else []
    parts = {"tracks": (tracks, read_mot_tracks), "detections": (detections, read_mot)}
    rows = {folder: {camera: read(path) for camera, path in files.items()} for folder, (files, read) in parts.items()}

    out.mkdir(parents=True, exist_ok=True)
    told = []
    site: dict[str, Any] = {"site": _identifier(scene.name), "cameras": cameras, "links": measured}
    if not measured:
        site["unlisted_links"] = "learn"
    write_site(out / "site.yaml", site, _comment(scene, measured=bool(measured)))
    told.append(f"{out / 'site.yaml'}: {len(cameras)} cameras, {len(measured)} links")
    if known:
        write_aicity(out / "truth.txt", truth)
        told.append(f"{out / 'truth.txt'}: {len(truth)} boxes of {len({row.id for row in truth})} vehicles")
    for folder, by_camera in rows.items():
        if by_camera:
            (out / folder).mkdir()
            for camera, boxes in by_camera.items():
                write_mot(out / folder / f"{camera}.txt", boxes)
            told.append(f"{out / folder}: {next(iter(parts[folder][0].values())).stem}")
    return told


def _camera(camera: SceneCamera, rates: Mapping[str | None, float]) -> dict[str, Any]:
    fps, size = (None, None) if camera.video is None else _video(camera.video)
    if camera.region is not None:
        picture = cv2.imread(str(camera.region))
        if picture is None:
            raise FormatError(f"{camera.region}: not a picture")
        size = picture.shape[1], picture.shape[0]
    rate = rates.get(camera.id) or fps or rates.get(None, _FPS)
    found: dict[str, Any] = {"id": camera.id, "number": camera.number}
    if camera.video is not None:
        found["url"] = str(camera.video)
    found |= {"fps": min(rate, _FPS), "recorded_fps": rate, "clock": {"offset": camera.begins}}
    if size is not None:
        found["size"] = list(size)
    if camera.region is not None:
        found["roi"] = str(camera.region)
    if camera.calibration is not None:
        ground = ground_of(read_calibration(camera.calibration), size or _SIZE)
        matrix = [list(row) for row in ground.homography]
        found["ground"] = {"homography": matrix, "units": ground.units, "uncertainty": ground.uncertainty}
    return found


def _video(path: Path) -> tuple[float | None, tuple[int, int]]:
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            rate = stream.average_rate
            return (float(rate) if rate else None), (stream.width, stream.height)
    except (av.FFmpegError, IndexError) as error:
        raise FormatError(f"{path}: not a video: {error}") from error


def _chosen(scene: AiCityScene, files: Mapping[str, Mapping[str, Path]], name: str | None, option: str) -> dict[str, Path]:
    """One file of each camera."""
    common = sorted(set.intersection(*(set(one) for one in files.values())))
    if name is None:
        return {camera: one[common[0]] for camera, one in files.items()} if common else {}
    missing = [camera for camera, one in files.items() if name not in one]
    if missing:
        there = f"; all cameras have {', '.join(common)}" if common else ""
        raise ValueError(f"{option} {name}: {scene.name}/{missing[0]} has none{there}")
    return {camera: one[name] for camera, one in files.items()}


def _links(scene: AiCityScene, cameras: Sequence[Mapping[str, Any]], truth: Sequence[AiCityRow]) -> list[dict[str, Any]]:
    """Travel times that were driven at least twice, with room on either side."""
    before: dict[Hashable, Visit] = {}
    trips: dict[tuple[str, str], list[float]] = {}
    for visit in sorted(_visits(scene, cameras, truth), key=lambda one: (one.first, one.last, one.camera)):
        last = before.get(visit.vehicle)
        before[visit.vehicle] = visit
        if last is not None and last.camera != visit.camera:
            trip = seconds_between(last.last, visit.first)
            if trip <= _LONGEST_TRIP:
                trips.setdefault((last.camera, visit.camera), []).append(trip)
    links = []
    for (origin, destination), seconds in sorted(trips.items()):
        if len(seconds) >= _LEAST_TRIPS:
            room = max(1.0, 0.25 * (max(seconds) - min(seconds)))
            travel = {
                "min": round(min(seconds) - room, 1),
                "typical": round(float(np.median(seconds)), 1),
                "max": round(max(seconds) + room, 1),
            }
            links.append({"from": origin, "to": destination, "travel": travel})
    return links


def _visits(scene: AiCityScene, cameras: Sequence[Mapping[str, Any]], truth: Sequence[AiCityRow]) -> list[Visit]:
    from evaluation.visits import visits_of

    rates = {camera["number"]: float(camera["recorded_fps"]) for camera in cameras}
    begins = {camera.number: (camera.id, camera.begins) for camera in scene.cameras}
    seen: dict[tuple[int, int], list[Instant]] = {}
    for row in truth:
        time = after(to_instant((row.frame - 1) / rates[row.camera]), begins[row.camera][1])
        seen.setdefault((row.camera, row.id), []).append(time)
    return [visit for (number, vehicle), times in seen.items() for visit in visits_of(vehicle, begins[number][0], times)]


def _comment(scene: AiCityScene, *, measured: bool) -> str:
    lines = [f"Imported from the AI City scene {scene.name}."]
    if scene.timestamps is None:
        lines.append("No cam_timestamp file was found: clock offsets are 0.")
    if measured:
        lines.append("Links were measured in the truth: results on the same recordings know more than a new site would.")
    return "\n".join(lines)


def _identifier(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "scene"
