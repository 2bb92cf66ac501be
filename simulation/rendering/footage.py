"""Renders the clips of a scenario's cameras and their truth: ``python -m simulation.rendering.footage demo --out FOLDER``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from simulation._writer import H264Writer
from simulation.city.cameras import CityCamera
from simulation.city.scenario import Scenario
from simulation.city.storage import load_sightings, save_sightings, shipped_scenario
from simulation.rendering.layout import Layout, plan_layout
from simulation.rendering.lens import DEMO_TRAITS, Lens, traits_drawn
from simulation.rendering.light import DEMO_LIGHT
from simulation.rendering.mesh import Model
from simulation.rendering.renderer import PlacedVehicle, Renderer
from simulation.rendering.scene import scene_before
from simulation.rendering.truth import TruthRows
from simulation.rendering.vehicles import build_vehicle

__all__ = ["Options", "main", "render_camera", "vehicles_at"]

_NEAR = 130.0
"""Metres from a camera's foot up to which vehicles are drawn."""


@dataclass(frozen=True, slots=True)
class Options:
    """How clips are made.

    Attributes:
        fps: Frames a second.
        seconds: Of the scenario, from its start; 0: all.
        samples: How often what stands still is drawn.
        bitrate: Bits a second.
    """

    fps: int = 10
    seconds: float = 0.0
    samples: int = 24
    bitrate: int = 340_000


def vehicles_at(scenario: Scenario, models: dict[int, Model], camera: CityCamera, seconds: float) -> list[PlacedVehicle]:
    """The vehicles around a camera at an instant; models are built when they are needed first."""
    foot = np.array(camera.position[:2])
    placed = []
    for trajectory in scenario.trajectories:
        there, places, headings = trajectory.at(np.array([seconds]))
        if not there[0] or np.hypot(*(places[0] - foot)) > _NEAR:
            continue
        if trajectory.vehicle not in models:
            models[trajectory.vehicle] = build_vehicle(scenario.vehicles[trajectory.vehicle])
        place = (float(places[0, 0]), float(places[0, 1]))
        placed.append(PlacedVehicle(trajectory.vehicle, models[trajectory.vehicle], place, float(headings[0])))
    return placed


def render_camera(
    scenario: Scenario, layout: Layout, camera: CityCamera, folder: Path, options: Options
) -> Iterator[tuple[int, int]]:
    """Renders one camera's clip and truth into ``folder``; yields the number of frames done and of all.

    The truth appears before the clip, so that a clip that is there is complete.
    """
    count = int((options.seconds or scenario.seconds) * options.fps)
    renderer = Renderer(scene_before(layout, scenario.roads, camera), DEMO_LIGHT, camera, options.samples)
    instants = np.arange(count) / options.fps
    sun = DEMO_LIGHT.sun_share(instants, camera.position[:2])
    lens = Lens(DEMO_TRAITS.get(camera.id) or traits_drawn(camera.number), camera.size)
    rows, models = TruthRows(camera, float(options.fps)), dict[int, Model]()
    clip = folder / f"{camera.id}.mp4"
    with H264Writer(clip, *camera.size, Fraction(options.fps), options.bitrate, preset="slow") as writer:
        for frame, seconds in enumerate(instants):
            vehicles = vehicles_at(scenario, models, camera, float(seconds))
            exposure = renderer.picture(vehicles, float(sun[frame]))
            rows.add(frame, vehicles, exposure.shares)
            writer.write(lens.develop(exposure.light, 1 / options.fps))
            if frame % 10 == 9:
                here = {vehicle.number for vehicle in vehicles}
                renderer.forget(here)
                for gone in set(models) - here:
                    del models[gone]
            yield frame + 1, count
        save_sightings([rows.sightings()], _partial(folder, camera))


def _partial(folder: Path, camera: CityCamera) -> Path:
    return folder / f".{camera.id}.truth.npz"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; cameras whose clips are there already are left alone."""
    parser = argparse.ArgumentParser(prog="python -m simulation.rendering.footage", description=__doc__)
    parser.add_argument("scenario", help="name of a shipped scenario")
    parser.add_argument("--out", type=Path, required=True, help="folder for clips and truth.npz")
    parser.add_argument("--cameras", default="", help="ids, separated by commas; default: all")
    parser.add_argument("--seconds", type=float, default=0.0, help="length; default: the whole scenario")
    parser.add_argument("--samples", type=int, default=Options().samples, help="how often what stands still is drawn")
    parser.add_argument("--bitrate", type=int, default=Options().bitrate, help="bits a second of each clip")
    given = parser.parse_args(arguments)
    options = Options(seconds=given.seconds, samples=given.samples, bitrate=given.bitrate)
    scenario = shipped_scenario(given.scenario)
    chosen = [camera for camera in scenario.cameras if not given.cameras or camera.id in given.cameras.split(",")]
    given.out.mkdir(parents=True, exist_ok=True)
    layout = plan_layout(scenario.roads, scenario.cameras, scenario.seed)
    for camera in chosen:
        if (given.out / f"{camera.id}.mp4").exists():
            _say(f"{camera.id}: there already")
            continue
        started = time.monotonic()
        _say(f"{camera.id}: drawing what stands still")
        for done, count in render_camera(scenario, layout, camera, given.out, options):
            if done % 50 == 0 or done == count:
                _say(f"{camera.id}: frame {done} of {count}, {time.monotonic() - started:.0f} s")
    _collect_truth(scenario, given.out)
    return 0


def _collect_truth(scenario: Scenario, folder: Path) -> None:
    """Puts the truth of cameras that were rendered now beside that of the others, once there is one of each."""
    file = folder / "truth.npz"
    truth = load_sightings(file) if file.exists() else {}
    parts = [part for camera in scenario.cameras if (part := _partial(folder, camera)).exists()]
    for part in parts:
        truth |= load_sightings(part)
    if parts and all(camera.id in truth for camera in scenario.cameras):
        save_sightings([truth[camera.id] for camera in scenario.cameras], file)
        for part in parts:
            part.unlink()
        _say(f"{file}: {sum(map(len, truth.values()))} boxes")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
