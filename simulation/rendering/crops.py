"""Renders pictures of single vehicles, at one place or several, with their colours and orientations, to learn from."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from simulation.city.cameras import CityCamera, Floats
from simulation.city.fleet import BODIES, CityVehicle
from simulation.city.plans.vehicles import PAINTS
from simulation.city.scenario import Road
from simulation.city.visibility import orientations_seen
from simulation.rendering.layout import plan_layout
from simulation.rendering.lens import Lens, traits_drawn
from simulation.rendering.light import light_of_day
from simulation.rendering.mesh import Model
from simulation.rendering.renderer import Exposure, PlacedVehicle, Renderer
from simulation.rendering.scene import scene_before
from simulation.rendering.vehicles import build_vehicle
from throughline.types import ORIENTATIONS, Image

__all__ = ["Crop", "draw_places", "draw_vehicles", "main", "photograph", "place_vehicles", "scene_crops"]

_AT_ONCE = 8
_SIZES = ((640, 360), (960, 540))
_LEAST = 22
_CRF = (18, 36)
"""H.264's constant rate factor, from hardly any loss to blocks that smear a far vehicle's details."""
_BETWEEN = 10.0
"""Seconds between two pictures: exposure has followed."""
_SEEDS_FROM = 1_000_000
"""Seeds of vehicles and places begin here, so that none is one of a scenario's."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture of one vehicle.

    Attributes:
        image: (height, width, 3) BGR.
        vehicle: What it shows.
        camera: Id of the camera.
        orientation: Index into `throughline.types.ORIENTATIONS`.
    """

    image: Image
    vehicle: CityVehicle
    camera: str
    orientation: int


def draw_vehicles(count: int, generator: np.random.Generator) -> list[CityVehicle]:
    """Vehicles of all bodies and colours, the rare ones less rare than in traffic; no two are alike but for their dirt."""
    bodies, paints = list(BODIES), list(PAINTS)
    body_shares = np.sqrt([BODIES[name].share for name in bodies])
    paint_shares = np.sqrt(list(PAINTS.values()))
    drawn, members = [], set()
    for number in range(count):
        body = bodies[int(generator.choice(len(bodies), p=body_shares / body_shares.sum()))]
        colour = paints[int(generator.choice(len(paints), p=paint_shares / paint_shares.sum()))]
        fleet = f"firm {generator.integers(40)}" if generator.random() < 0.12 and body != "motorcycle" else ""
        if (fleet, body, colour) in members:
            fleet = ""  # a second one of the same make could not be told from the first
        elif fleet:
            members.add((fleet, body, colour))
        seed = _SEEDS_FROM + int(generator.integers(1_000_000_000))
        drawn.append(CityVehicle(number + 1, body, colour, fleet, float(generator.uniform(0.96, 1.04)), seed))
    return drawn


def draw_places(vehicles: int, places: int, each: int, generator: np.random.Generator) -> list[list[int]]:
    """Which vehicles are at each place, by index: each is at so many of them, and every place has nearly as many.

    Two vehicles that meet at one place seldom meet at the next, so that a place tells little of who is there.
    """
    here: list[list[int]] = [[] for _ in range(places)]
    for index in range(vehicles):
        first = index % places
        others = generator.choice(places - 1, each - 1, replace=False) if each > 1 else ()
        for place in (first, *((first + 1 + int(other)) % places for other in others)):
            here[place].append(index)
    return here


def draw_camera(name: str, generator: np.random.Generator) -> CityCamera:
    """A camera on a mast beside or over a street that leads north."""
    position = (float(generator.uniform(-10, 10)), float(generator.uniform(-14, -7)), float(generator.uniform(4.5, 9.0)))
    heading = float(np.clip(-position[0] * 1.6, -14, 14) + generator.uniform(-5, 5))
    size = _SIZES[int(generator.random() < 0.3)]
    focal = float(generator.uniform(0.65, 1.1)) * size[0]
    return CityCamera(name, 1, position, heading, float(generator.uniform(11, 21)), focal, size)


def place_vehicles(
    vehicles: Sequence[CityVehicle], models: Sequence[Model], generator: np.random.Generator
) -> list[PlacedVehicle]:
    """Vehicles on a street around x = 0, apart from each other, half of them along it and half in any direction."""
    placed: list[PlacedVehicle] = []
    taken: list[tuple[float, float, float]] = []
    for vehicle, model in zip(vehicles, models, strict=True):
        long = vehicle.size[0]
        for _ in range(30):
            lane = int(generator.integers(-2, 2))
            x, y = 3.5 * lane + 1.75, float(2.0 + 52.0 * generator.random() ** 1.3)
            heading = (180.0 if lane < 0 else 0.0) + float(generator.normal(0, 4))
            across = generator.random() < 0.5
            if across:
                heading = float(generator.uniform(0, 360))
            radius = long / 2 if across else 1.6
            if all(np.hypot(x - a, max(abs(y - b) - (0 if across else long / 2), 0)) > radius + c for a, b, c in taken):
                taken.append((x, y, long / 2 + 0.4))
                placed.append(PlacedVehicle(vehicle.number, model, (x + float(generator.normal(0, 0.25)), y), heading))
                break
    return placed


def photograph(light: Floats, generator: np.random.Generator) -> Image:
    """What a plain camera makes of light (H, W, 3): exposure, white balance, curve, blur and noise by chance; BGR."""
    level = float(np.quantile(light.mean(2), 0.9))
    gain = generator.uniform(0.55, 0.95) / max(level, 1e-3) * generator.lognormal(0, 0.12)
    seen = np.clip(light * gain * generator.lognormal(0, 0.05, 3), 0, None)
    seen = np.minimum(seen, 1 - 0.12 * np.exp(-np.maximum(seen - 0.8, 0) * 4) * (seen > 0.8))
    curve = np.clip(seen, 0, 1) ** (1 / generator.uniform(1.9, 2.5))
    grey = curve.mean(2, keepdims=True)
    picture = grey + (curve - grey) * generator.uniform(0.75, 1.2)
    sigma = float(generator.choice((0.3, 0.6, 1.0, 1.6), p=(0.3, 0.35, 0.25, 0.1)))
    picture = cv2.GaussianBlur(picture, (0, 0), sigma) * 255 + generator.normal(0, generator.uniform(0.5, 6.0), picture.shape)
    return np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8)[..., ::-1])


def compress(image: Image, crf: int) -> Image:
    """The picture as H.264 keeps it, at this constant rate factor."""
    height, width = image.shape[:2]
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 10), Fraction(10)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "veryfast"}
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(image, format="bgr24")), *encoder.encode(None)]
    decoder = av.VideoCodecContext.create("h264", "r")
    (frame,) = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    return frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def scene_crops(number: int, vehicles: Sequence[CityVehicle], views: int, seed: int, samples: int) -> Iterator[Crop]:
    """Crops of ``vehicles``, each about so many times, at one place in one light, by one camera of changing mood.

    Args:
        number: Of the place; decides the camera's id.
        vehicles: Numbered from 1.
        views: Pictures of each vehicle, of which those remain that show it well.
        seed: Decides the place and everything else.
        samples: How well what stands still is drawn.
    """
    generator = np.random.default_rng((seed, number, 17))
    camera = draw_camera(f"c{number:03d}", generator)
    renderer = _renderer(camera, _SEEDS_FROM + seed * 1000 + number, samples)
    lens = Lens(traits_drawn(_SEEDS_FROM + seed * 1000 + number), camera.size)
    models = {vehicle.number: build_vehicle(vehicle) for vehicle in vehicles}
    for _ in range(views):
        order = generator.permutation(len(vehicles))
        for start in range(0, len(order), _AT_ONCE):
            chosen = [vehicles[index] for index in order[start : start + _AT_ONCE]]
            placed = place_vehicles(chosen, [models[vehicle.number] for vehicle in chosen], generator)
            exposure = renderer.picture(placed, float(generator.choice((0.15, 0.5, 0.9, 1.0))))
            light = np.nan_to_num(exposure.light)
            developed = (
                lens.develop(light, _BETWEEN) if generator.random() < 0.5 else photograph(light.astype(np.float64), generator)
            )
            image = compress(developed, int(generator.integers(*_CRF, endpoint=True)))
            known = {vehicle.number: vehicle for vehicle in chosen}
            yield from _cut(image, exposure, camera, placed, known, generator)


def _renderer(camera: CityCamera, seed: int, samples: int) -> Renderer:
    line = np.stack((np.full(80, 3.5), np.linspace(-90, 190, 80)), 1)
    other = line[::-1] * (-1.0, 1.0)
    roads = (Road(f"north {seed}", line, 2, 3.5), Road(f"south {seed}", other, 2, 3.5))
    layout = plan_layout(roads, (camera,), seed)
    return Renderer(scene_before(layout, roads, camera), light_of_day(seed), camera, samples)


def _cut(
    image: Image,
    exposure: Exposure,
    camera: CityCamera,
    placed: Sequence[PlacedVehicle],
    known: dict[int, CityVehicle],
    generator: np.random.Generator,
) -> Iterator[Crop]:
    width, height = camera.size
    sides = orientations_seen(camera, np.array([one.place for one in placed]), np.array([one.heading for one in placed]))
    for one, side in zip(placed, sides.tolist(), strict=True):
        seen, filled = exposure.shares.get(one.number, (0, 1))
        points = np.concatenate([part.points for part in one.model.parts if not part.name.startswith("antenna")])
        world = np.column_stack((points, np.ones(len(points)))) @ one.to_world().T
        there = camera.to_camera(world[:, :3])
        if seen < 0.7 * filled or there[:, 2].min() < 1.0:
            continue
        pixels = camera.to_picture(there)
        low, high = pixels.min(0), pixels.max(0)
        inside = np.prod(np.clip(np.minimum(high, camera.size) - np.maximum(low, 0), 0, None)) / np.prod(high - low)
        if inside < 0.85 or (high - low).min() < _LEAST:
            continue
        # A detector's box is never exact.
        moved = generator.normal(0, 0.03, 4) * np.tile(high - low, 2)
        left, top = np.clip(np.round(low + moved[:2]), 0, (width - 8, height - 8)).astype(int)
        right, bottom = np.clip(np.round(high + moved[2:]), (left + 8, top + 8), (width, height)).astype(int)
        yield Crop(image[top:bottom, left:right], known[one.number], camera.id, side)


def _colour_seen(vehicle: CityVehicle, side: str) -> str:
    """The label of its colour, in doubt where other things than paint are seen, and empty where a cab's paint is not."""
    if vehicle.body == "motorcycle":
        return vehicle.colour + "?"
    if vehicle.body in ("box-truck", "lorry"):
        return vehicle.colour + "?" if side.endswith("front") else ""
    return vehicle.colour


def main(arguments: Sequence[str] | None = None) -> None:
    """Renders crops into a folder with an ``index.csv``, as ``throughline train`` reads them."""
    parser = argparse.ArgumentParser(prog="python -m simulation.rendering.crops", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that is made")
    parser.add_argument("--vehicles", type=int, default=600, help="how many vehicles")
    parser.add_argument("--places", type=int, default=10, help="how many places, each with a camera and a light of its own")
    parser.add_argument("--places-each", type=int, default=1, help="at how many of the places each vehicle is seen")
    parser.add_argument(
        "--views", type=int, default=6, help="pictures of each vehicle at a place; those that show it badly are left out"
    )
    parser.add_argument("--samples", type=int, default=6, help="how well what stands still is drawn; 64 is smooth, and slow")
    parser.add_argument("--seed", type=int, default=0, help="other seeds give other vehicles, places and lights")
    options = parser.parse_args(arguments)
    if not 1 <= options.places_each <= options.places:
        parser.error(f"--places-each: expected 1 to {options.places}, the number of places")
    options.out.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng((options.seed, 5))
    vehicles = draw_vehicles(options.vehicles, generator)
    places = draw_places(options.vehicles, options.places, options.places_each, generator)
    count = 0
    with (options.out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("file", "vehicle_id", "cam", "class", "colour", "orientation"))
        for place, indices in enumerate(places):
            here = [vehicles[index] for index in indices]
            for crop in scene_crops(place, here, options.views, options.seed, options.samples):
                count += 1
                name = f"{crop.camera}_{crop.vehicle.number:05d}_{count:06d}.jpg"
                cv2.imwrite(str(options.out / name), crop.image, (cv2.IMWRITE_JPEG_QUALITY, 92))
                kind, side = BODIES[crop.vehicle.body].type, ORIENTATIONS[crop.orientation]
                table.writerow((name, f"v{crop.vehicle.number:05d}", crop.camera, kind, _colour_seen(crop.vehicle, side), side))
            file.flush()
            sys.stdout.write(f"place {place + 1} of {options.places}: {count} crops\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
