"""The empty road as a camera sees it: asphalt, markings, verges, a guard rail and bushes."""

from __future__ import annotations

import cv2
import numpy as np

from simulation.drawn_road.view import LANE_WIDTH, Floats, RoadView
from throughline.types import Image

__all__ = ["background"]

_SCALE = 2
_TEXTURE = 1024
_TEXELS_PER_METRE = 16.0


def background(view: RoadView, size: tuple[int, int], generator: np.random.Generator) -> Image:
    """The picture (height, width, 3) without vehicles and before exposure and noise."""
    x, y = view.on_ground(size, _SCALE)
    fine, coarse = (_texture(generator, blur) for blur in (0.7, 12.0))
    grain = _sample(fine, x, y, 1.0)
    patches = _sample(coarse, x, y, 0.5)
    wear = _sample(coarse, x, y * 0.05, 1.3)

    grass = np.array((58.0, 112.0, 84.0)) * (1 + 0.10 * grain + 0.16 * patches)[..., None]
    gravel = np.array((118.0, 126.0, 132.0)) * (1 + 0.10 * grain + 0.05 * patches)[..., None]
    across = np.abs(x)
    lane = (across / LANE_WIDTH + 0.5) % 1.0
    tracks = 0.035 * np.cos(4 * np.pi * lane)  # two wheel tracks in every lane
    asphalt = np.array((104.0, 101.0, 99.0)) * (1 + 0.05 * grain + 0.03 * patches + 0.02 * wear - tracks)[..., None]

    edge = 1.5 * LANE_WIDTH
    picture = np.where((across < edge + 2.2)[..., None], gravel, grass)
    picture = np.where((across < edge + 1.4)[..., None], asphalt, picture)
    dashes = (np.abs(across - 0.5 * LANE_WIDTH) < 0.08) & (y % 9.0 < 3.0)
    lines = np.abs(across - edge) < 0.09
    picture = np.where((dashes | lines)[..., None], 205.0 + 10.0 * grain[..., None], picture)

    drawn = np.clip(picture, 0, 255).astype(np.uint8)
    _bushes(drawn, view, size, generator)
    _guard_rail(drawn, view, size)
    return cv2.resize(drawn, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _texture(generator: np.random.Generator, blur: float) -> Floats:
    """A square of smooth noise of unit deviation that continues at its edges."""
    noise = generator.normal(size=(_TEXTURE, _TEXTURE)).astype(np.float32)
    noise = np.pad(noise, 64, mode="wrap")
    soft = cv2.GaussianBlur(noise, (0, 0), blur)[64:-64, 64:-64]
    return np.asarray(soft / soft.std(), np.float64)


def _sample(texture: Floats, x: Floats, y: Floats, zoom: float) -> Floats:
    scale = zoom * _TEXELS_PER_METRE
    columns, rows = ((along * scale % _TEXTURE).astype(np.float32) for along in (x, y))
    sampled = cv2.remap(texture.astype(np.float32), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(sampled, np.float64)


def _pixels(view: RoadView, points: Floats, size: tuple[int, int]) -> Floats:
    return view.to_picture(view.to_camera(points), size) * _SCALE


def _bushes(drawn: Image, view: RoadView, size: tuple[int, int], generator: np.random.Generator) -> None:
    places = [(side * generator.uniform(11.0, 24.0), generator.uniform(14.0, 85.0)) for side in (-1, 1) for _ in range(14)]
    for x, y in sorted(places, key=lambda place: -place[1]):
        for _ in range(14):
            point = np.array([(x, y, 0.0)]) + generator.normal(0, 1.0, (1, 3)) * np.array((0.8, 0.8, 0.0))
            point[0, 2] = generator.uniform(0.2, 1.5)
            if view.to_camera(point)[0, 2] < 2.0:
                continue
            (column, row) = _pixels(view, point, size)[0]
            radius = 0.5 * view.focal * size[0] * _SCALE / view.to_camera(point)[0, 2]
            shade = 0.55 + 0.25 * point[0, 2] + generator.uniform(-0.1, 0.1)
            colour = tuple(float(value) * shade for value in (40, 82, 58))
            cv2.circle(drawn, (round(column), round(row)), max(1, round(radius)), colour, -1, cv2.LINE_AA)


def _guard_rail(drawn: Image, view: RoadView, size: tuple[int, int]) -> None:
    x = -(1.5 * LANE_WIDTH + 1.9) if view.lateral >= 0 else 1.5 * LANE_WIDTH + 1.9
    along = np.arange(4.0, 110.0, 4.0)
    top, bottom = (np.stack((np.full_like(along, x), along, np.full_like(along, height)), 1) for height in (0.75, 0.5))
    foot = bottom * np.array((1.0, 1.0, 0.0))
    in_front = view.to_camera(foot)[:, 2] > 2.0
    top, bottom, foot = top[in_front], bottom[in_front], foot[in_front]
    for low, high in zip(_pixels(view, foot, size), _pixels(view, top, size), strict=True):
        cv2.line(drawn, _whole(low), _whole(high), (110, 112, 112), 3, cv2.LINE_AA)
    rail = np.concatenate((_pixels(view, top, size), _pixels(view, bottom, size)[::-1]))
    cv2.fillPoly(drawn, [np.round(rail).astype(np.int32)], (172, 176, 178), cv2.LINE_AA)


def _whole(point: Floats) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
