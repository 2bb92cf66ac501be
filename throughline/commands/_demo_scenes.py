"""What the demo shows: footage with a known truth, and the site file that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from evaluation.labelling import CameraTruth, truth_of_rows
from simulation.drawn_road import draw_road
from simulation.virtual_cameras import HIGHWAY_PAIR, VirtualCamera, cut_cameras
from throughline.commands._clip_truth import camera_truth, track_clip
from throughline.formats.aicity import read_aicity
from throughline.settings import load_site
from throughline.times import Instant

__all__ = ["DrawnRoad", "HighwayPair", "Scene"]


_HIGHWAY_TILES = ((400, 150, 400, 220), (80, 300, 520, 420), (480, 300, 600, 420))
"""Overlapping parts of highway.mp4 that cover the road from above the first camera to below the second."""


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
    def site(self) -> Mapping[str, Any]:
        """Site file without addresses: `models`, `cameras`, `links`."""
        ...

    def truth(self, epochs: Mapping[str, Instant]) -> dict[str, CameraTruth]:
        """True boxes by camera id, for footage that began (loop 0) at ``epochs``."""
        ...


class HighwayPair:
    """One real clip of a motorway, cut into an upstream and a downstream camera."""

    title = (
        "real footage: one clip of a motorway, cut into an upstream camera c01 and a downstream camera c02, which is re-encoded\n"
        "at another size, darker, softer, noisier and 4 s late. Truth: the uncut clip, tracked at its full rate and resolution."
    )

    def __init__(self, data: Path, cache: Path) -> None:
        clip = data / "clips" / "highway.mp4"
        self._cameras: dict[str, VirtualCamera] = {camera.view.id: camera for camera in cut_cameras(clip, HIGHWAY_PAIR, cache)}
        self._tracks = track_clip(clip, _HIGHWAY_TILES, cache)
        self.footage = {name: camera.path for name, camera in self._cameras.items()}
        self.delays = {name: camera.view.delay for name, camera in self._cameras.items()}
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
        "DRAWN footage, since no real footage is here: three cameras along a road. The detector is `motion`\n"
        "(background subtraction) and the embedder `colour-histogram`: neither needs weights. Truth: what was drawn."
    )

    def __init__(self, cache: Path) -> None:
        self._road = draw_road(cache / "drawn-road")
        site = load_site(self._road.site).model_dump(mode="json", by_alias=True, exclude_unset=True)
        self.footage = self._road.clips
        self.delays = dict.fromkeys(self._road.clips, 0.0)
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
