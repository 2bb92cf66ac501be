"""Draws the footage of all cameras and writes it down with its truth and a site file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from simulation._writer import H264Writer
from simulation.drawn_road.painter import Painter, TrueBox
from simulation.drawn_road.scenery import background
from simulation.drawn_road.traffic import LINKS, Passage, schedule
from simulation.drawn_road.view import RoadView
from throughline.formats.aicity import AiCityRow, write_aicity
from throughline.settings import (
    CameraSettings,
    EmbedderSettings,
    LinkSettings,
    ModelsSettings,
    Site,
    TravelSettings,
    dump_site,
)

__all__ = ["DrawnRoad", "draw_road"]

_VERSION = 1
"""Raised when the same arguments would give another road, so that what was drawn before is not used."""
_VIEWS = (
    RoadView("c01", 9.0, 0.4, 0.0, 24.0, 0.95, approaching=True),
    RoadView("c02", 8.5, -4.5, 7.0, 23.5, 0.95, approaching=True, gains=(0.84, 0.88, 0.94), gamma=1.08, noise=2.2),
    RoadView("c03", 9.5, 5.0, -9.0, 24.0, 1.0, approaching=False, gains=(1.1, 1.08, 1.04), gamma=0.94, noise=1.8),
)
_BITRATE_A_PIXEL = 3.0
"""Bits a second for each pixel of the picture."""


@dataclass(frozen=True, slots=True)
class DrawnRoad:
    """What was drawn.

    Attributes:
        folder: Where it lies.
        site: Site file: cameras (with their footage as url), links, and networks that need no weights.
        truth: Rows ``camera_number id frame x y w h -1 -1``, frames from 1: frame f is at (f - 1) / fps seconds.
        clips: Footage of each camera, by camera id.
        fps: Frames a second.
        seconds: Duration of each clip.
    """

    folder: Path
    site: Path
    truth: Path
    clips: dict[str, Path]
    fps: float
    seconds: float


def draw_road(
    out: Path, *, seed: int = 0, seconds: float = 60.0, fps: float = 10.0, size: tuple[int, int] = (640, 360)
) -> DrawnRoad:
    """Draws a road seen by three cameras, unless it lies in ``out`` already.

    Vehicles drive from c01 to c02 to c03; some leave in between and some come in there, and some look like others. For the
    first and the last second no camera sees a vehicle, so that the clips can be looped.

    Args:
        out: Folder for the folders of all roads drawn.
        seed: Decides everything that is random; the same arguments give the same files.
        seconds: Duration; 30 are needed for a vehicle to pass all cameras.
        fps: Frames a second.
        size: Width and height of the pictures, even.
    """
    count = round(seconds * fps)
    if count < 1:
        raise ValueError(f"{seconds:g} seconds at {fps:g} frames a second: expected at least one frame")
    key = [_VERSION, seed, count, fps, size, [asdict(view) for view in _VIEWS]]
    folder = out / f"drawn-road-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}"
    clips = {view.id: folder / f"{view.id}.mp4" for view in _VIEWS}
    road = DrawnRoad(folder, folder / "site.yaml", folder / "truth.txt", clips, fps, count / fps)
    if road.site.exists():
        return road
    folder.mkdir(parents=True, exist_ok=True)
    passages = schedule(_VIEWS, size, count / fps, np.random.default_rng([seed, 0]))
    rows: list[AiCityRow] = []
    for index, view in enumerate(_VIEWS):
        own = [passage for passage in passages if passage.camera == index]
        rows += _film(view, own, clips[view.id], count, fps, size, np.random.default_rng([seed, 1 + index]))
    write_aicity(road.truth, rows)
    road.site.write_text(dump_site(_site(fps)))  # last: it says that all is there
    return road


def _film(
    view: RoadView,
    passages: list[Passage],
    path: Path,
    count: int,
    fps: float,
    size: tuple[int, int],
    generator: np.random.Generator,
) -> list[AiCityRow]:
    painter = Painter(view, size, background(view, size, generator), generator)
    bitrate = round(_BITRATE_A_PIXEL * size[0] * size[1])
    number = int(view.id.lstrip("c"))
    rows = []
    with H264Writer(path, *size, Fraction(fps).limit_denominator(100_000), bitrate) as writer:
        for frame in range(count):
            second = frame / fps
            # A vehicle may be seen a little before its front's middle reaches the edge of the picture, and after.
            present = [passage for passage in passages if passage.start - 1.0 <= second <= passage.end + 1.0]
            picture, boxes = painter.paint(present, second)
            writer.write(picture)
            rows += [_row(number, frame + 1, box) for box in boxes]
    return rows


def _row(camera: int, frame: int, true: TrueBox) -> AiCityRow:
    x1, y1, x2, y2 = true.box
    return AiCityRow(camera, true.vehicle, frame, x1, y1, x2 - x1, y2 - y1)


def _site(fps: float) -> Site:
    cameras = tuple(CameraSettings(id=view.id, url=f"{view.id}.mp4", fps=fps) for view in _VIEWS)
    links = tuple(
        LinkSettings.model_validate(
            {
                "from": start.id,
                "to": end.id,
                # Tracks begin later and end earlier than vehicles are in view, and full lanes hold some up.
                "travel": TravelSettings(min=travel.least - 1.0, typical=travel.typical + 0.5, max=travel.most + 4.0),
            }
        )
        for start, end, travel in zip(_VIEWS[:-1], _VIEWS[1:], LINKS, strict=True)
    )
    models = ModelsSettings(detector="motion", embedders=(EmbedderSettings(model="colour-histogram"),))
    return Site(site="drawn-road", models=models, cameras=cameras, links=links)
