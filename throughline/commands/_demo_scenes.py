"""What the demo shows: footage with a known truth, and the site file that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from evaluation.labelling import CameraTruth, truth_of_rows
from simulation.city.scenario import Scenario
from simulation.city.sightings import Sightings
from simulation.city.site import site_of
from simulation.city.truth import LEAST_HEIGHT, LEAST_INSIDE, LEAST_VISIBLE
from simulation.drawn_road import draw_road
from simulation.footage import Footage, shipped_footage
from simulation.virtual_cameras import HIGHWAY_PAIR, VirtualCamera, cut_cameras
from throughline.commands._clip_truth import camera_truth, track_clip
from throughline.formats.aicity import read_aicity
from throughline.settings import load_site
from throughline.times import MICROSECONDS, Instant

__all__ = ["City", "DrawnRoad", "HighwayPair", "Scene"]


_HIGHWAY_TILES = ((400, 150, 400, 220), (80, 300, 520, 420), (480, 300, 600, 420))
"""Overlapping parts of highway.mp4 that cover the road from above the first camera to below the second."""


_CAR_HEIGHT = 1.8
"""Metres: as high as a car looks from above, part of its roof and bonnet included."""


class Scene(Protocol):
    """Footage of some cameras, with truth."""

    @property
    def title(self) -> str:
        """For the person at the screen: what is shown, and where the truth comes from."""
        ...

    @property
    def footage(self) -> Mapping[str, Path]:
        """H.264 file by camera id."""
        ...

    @property
    def delays(self) -> Mapping[str, float]:
        """Seconds by which a camera's footage starts late, by camera id."""
        ...

    @property
    def seconds(self) -> float:
        """How long it is watched if nobody says how long."""
        ...

    @property
    def site(self) -> Mapping[str, Any]:
        """Site file without addresses: `models`, `cameras`, `links`."""
        ...

    def truth(self, epochs: Mapping[str, Instant]) -> dict[str, CameraTruth] | None:
        """True boxes by camera id, for footage that began (loop 0) at ``epochs``; None where nobody knows."""
        ...


class City:
    """Cameras of the city that comes with the product.

    Args:
        cameras: How many of them; None: all.
        footage: What they recorded; default: what is shipped.
    """

    def __init__(self, cameras: int | None = None, footage: Footage | None = None) -> None:
        self._footage = footage or shipped_footage("demo")
        city = site_of(self._footage.scenario, self._footage.fps).model_dump(mode="json", by_alias=True, exclude_unset=True)
        chosen = city["cameras"][:cameras]
        names = [camera["id"] for camera in chosen]
        self.footage = {name: self._footage.clips[name] for name in names}
        self.delays = dict.fromkeys(names, 0.0)
        self.seconds = self._footage.seconds
        self.title = (
            f"A small city, rendered, with {len(names)} of its cameras: {', '.join(names)}. Truth: what was rendered.\n"
            "Detector and embedder are the ones that come with the product; they have not seen these vehicles or streets."
        )
        self.site: dict[str, Any] = {
            # Time to confirm as by default: many stand at a light, in view of two cameras, for long.
            "matching": {"lateness": "3s"},
            # In a queue at a light its detector's weakest boxes are mostly around parts of cars.
            "tracking": {"min_confidence": 0.2},
            "models": {"detector": "default", "embedders": [{"model": "default"}]},
            "cameras": [{**camera, "roi": [_near_enough(self._footage.scenario, camera["id"])]} for camera in chosen],
            "links": [link for link in city["links"] if link["from"] in names and link["to"] in names],
        }

    @staticmethod
    def available() -> bool:
        """Whether its footage is installed."""
        try:
            shipped_footage("demo")
        except FileNotFoundError:
            return False
        return True

    def truth(self, epochs: Mapping[str, Instant]) -> dict[str, CameraTruth]:
        """See `Scene.truth`; what an annotator would draw a box around counts, where it stands in the region of interest."""
        tops = {camera["id"]: camera["roi"][0][0][1] for camera in self.site["cameras"]}
        seconds = self._footage.seconds
        return {name: _city_truth(self._footage.truth[name], epochs[name], seconds, tops[name]) for name in self.footage}


def _near_enough(scenario: Scenario, name: str) -> list[list[float]]:
    """The part of a camera's picture in which a car is large enough to be followed, as its operator would draw it."""
    camera = next(camera for camera in scenario.cameras if camera.id == name)
    width, height = camera.size
    farthest = camera.focal * _CAR_HEIGHT / LEAST_HEIGHT
    rows = np.arange(height, dtype=np.float64)
    ground = np.stack((np.full(height, width / 2), rows, np.ones(height)), 1) @ camera.homography().T
    places = np.column_stack((ground[:, :2] / ground[:, 2:], np.zeros(height)))
    depths = camera.to_camera(places)[:, 2]
    near = rows[(depths > 0.0) & (depths <= farthest)]
    top = float(near.min()) if len(near) else 0.0
    return [[0.0, top], [width, top], [width, height], [0.0, height]]


def _city_truth(seen: Sightings, epoch: Instant, seconds: float, top: float) -> CameraTruth:
    near = seen.boxes[:, 3] >= top
    tall = seen.boxes[:, 3] - seen.boxes[:, 1] >= LEAST_HEIGHT
    return CameraTruth(
        seen.camera,
        epoch,
        round(seconds * MICROSECONDS),
        np.rint(seen.frames * (MICROSECONDS / seen.fps)).astype(np.int64),
        seen.vehicles,
        seen.boxes,
        tolerance=round(0.5 / seen.fps * MICROSECONDS),
        counted=near & tall & (seen.inside >= LEAST_INSIDE) & (seen.visible >= LEAST_VISIBLE),
    )


class HighwayPair:
    """One real clip of a motorway, cut into an upstream and a downstream camera."""

    title: str = (
        "Real footage: one clip of a motorway, cut into an upstream camera c01 and a downstream camera c02, which is re-encoded\n"
        "at another size, darker, softer, noisier and 4 s late. Truth: the uncut clip, tracked at its full rate and resolution."
    )

    def __init__(self, data: Path, cache: Path) -> None:
        clip = data / "clips" / "highway.mp4"
        self._cameras: dict[str, VirtualCamera] = {camera.view.id: camera for camera in cut_cameras(clip, HIGHWAY_PAIR, cache)}
        self._tracks = track_clip(clip, _HIGHWAY_TILES, cache)
        self.footage = {name: camera.path for name, camera in self._cameras.items()}
        self.delays = {name: camera.view.delay for name, camera in self._cameras.items()}
        self.seconds = 60.0
        self.site = {
            "models": {"detector": "default", "embedders": [{"model": "default"}]},
            "cameras": [{"id": name, "fps": camera.view.fps} for name, camera in self._cameras.items()],
            "links": [{"from": "c01", "to": "c02", "travel": {"min": 3, "typical": 4.5, "max": 9}}],
        }

    @staticmethod
    def available(data: Path) -> bool:
        """Whether the clip is in the folder ``data``."""
        return (data / "clips" / "highway.mp4").is_file()

    def truth(self, epochs: Mapping[str, Instant]) -> dict[str, CameraTruth]:
        """See `Scene.truth`."""
        return {name: camera_truth(self._tracks, camera, epochs[name]) for name, camera in self._cameras.items()}


class DrawnRoad:
    """Three cameras along a drawn road, for when no real footage is at hand."""

    title = (
        "Drawn footage: three cameras along a road. The detector is `motion` (background subtraction)\n"
        "and the embedder `colour-histogram`: neither needs weights. Truth: what was drawn."
    )

    def __init__(self, cache: Path) -> None:
        self._road = draw_road(cache / "drawn-road")
        site = load_site(self._road.site).model_dump(mode="json", by_alias=True, exclude_unset=True)
        self.footage = self._road.clips
        self.delays = dict.fromkeys(self._road.clips, 0.0)
        self.seconds = 60.0
        self.site = {section: site[section] for section in ("models", "cameras", "links")}

    def truth(self, epochs: Mapping[str, Instant]) -> dict[str, CameraTruth]:
        """See `Scene.truth`."""
        rows, road = read_aicity(self._road.truth), self._road
        return {
            camera.id: truth_of_rows(
                rows, camera.id, camera.number or 0, epoch=epochs[camera.id], seconds=road.seconds, fps=road.fps
            )
            for camera in load_site(road.site).cameras
        }
