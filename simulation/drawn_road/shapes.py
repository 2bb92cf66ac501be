"""Vehicles as coloured polygons in space: simple, but with the parts by which they are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulation.drawn_road.looks import Colour, Look
from simulation.drawn_road.view import Floats

__all__ = ["Shape", "build"]

_GLASS: Colour = (58, 48, 40)
_TYRE: Colour = (28, 28, 30)
_HUB: Colour = (150, 150, 150)
_TRIM: Colour = (45, 45, 45)
_WHITE_LAMP: Colour = (225, 245, 250)
_RED_LAMP: Colour = (40, 30, 200)
_PLATE: Colour = (225, 230, 230)


@dataclass(frozen=True, slots=True)
class Shape:
    """A vehicle's polygons in metres: x to its right, y forward (0 = middle), z up from the road.

    Attributes:
        length: Along y.
        width: Along x.
        height: Along z.
        points: (N, 3) corners of all polygons, one polygon after the other.
        starts: (P + 1,) index of each polygon's first corner.
        normals: (P, 3) outward; a polygon is seen from the side its normal points to.
        anchors: (P, 3) a point of the plane that decides whether a polygon is seen.
        colours: (P, 3) blue, green, red.
        layers: (P,) what is drawn first: lower ones.
        parts: (P,) the convex part it belongs to; within a layer, parts are drawn from far to near.
        centres: (parts, 3) middles of the parts.
    """

    length: float
    width: float
    height: float
    points: Floats
    starts: np.ndarray[tuple[int], np.dtype[np.int64]]
    normals: Floats
    anchors: Floats
    colours: Floats
    layers: np.ndarray[tuple[int], np.dtype[np.int64]]
    parts: np.ndarray[tuple[int], np.dtype[np.int64]]
    centres: Floats


class _Builder:
    """Collects polygons."""

    def __init__(self) -> None:
        self._polygons: list[Floats] = []
        self._normals: list[Floats] = []
        self._anchors: list[Floats] = []
        self._colours: list[Colour] = []
        self._layers: list[int] = []
        self._parts: list[int] = []
        self._centres: list[Floats] = []

    def solid(self, profile: Sequence[tuple[float, float, float]], colours: Sequence[Colour], side: Colour, layer: int) -> None:
        """A convex part, the same on both sides.

        Args:
            profile: Corners (y, z, half width) from the bottom of the rear over the top to the bottom of the front.
            colours: Colours of the strips between them.
            side: Colour of both sides.
            layer: When it is drawn.
        """
        rows = np.array(profile, float)
        right = np.stack((rows[:, 2], rows[:, 0], rows[:, 1]), 1)
        left = right * np.array((-1.0, 1.0, 1.0))
        self._centres.append(right.mean(0) * np.array((0.0, 1.0, 1.0)))
        for index, colour in enumerate(colours):
            strip = np.stack((left[index], left[index + 1], right[index + 1], right[index]))
            self._add(strip, colour, layer)
        self._add(right, side, layer)
        self._add(left, side, layer)

    def detail(self, corners: Sequence[tuple[float, float, float]], colour: Colour, layer: int) -> None:
        """A polygon (x, y, z) on the surface of the latest part; mirror it yourself."""
        self._add(np.array(corners, float), colour, layer)

    def sides(self, corners: Sequence[tuple[float, float]], half_width: float, colour: Colour, layer: int) -> None:
        """A polygon (y, z) on both sides of the latest part."""
        for sign in (-1.0, 1.0):
            self._add(np.array([(sign * half_width, y, z) for y, z in corners]), colour, layer)

    def wheels(self, places: Sequence[float], radius: float, half_width: float, layer: int) -> None:
        """Wheels at ``places`` along the vehicle, on both sides."""
        turns = np.linspace(0, 2 * np.pi, 13)[:-1]
        for place in places:
            for size, colour in ((radius, _TYRE), (radius * 0.5, _HUB)):
                ring = [(place + size * float(np.cos(turn)), radius + size * float(np.sin(turn))) for turn in turns]
                self.sides(ring, half_width, colour, layer)

    def _add(self, polygon: Floats, colour: Colour, layer: int) -> None:
        first, second = polygon[1] - polygon[0], polygon[2] - polygon[0]
        normal = np.cross(first, second)
        normal /= np.linalg.norm(normal)
        centre = polygon.mean(0)
        if normal @ (centre - self._centres[-1]) < 0:
            normal = -normal
        self._polygons.append(polygon)
        self._normals.append(normal)
        self._anchors.append(centre)
        self._colours.append(colour)
        self._layers.append(layer)
        self._parts.append(len(self._centres) - 1)

    def shape(self) -> Shape:
        """What has been collected."""
        points = np.concatenate(self._polygons)
        low, high = points.min(0), points.max(0)
        return Shape(
            float(high[1] - low[1]),
            float(high[0] - low[0]),
            float(high[2]),
            points,
            np.concatenate(([0], np.cumsum([len(polygon) for polygon in self._polygons]))),
            np.array(self._normals),
            np.array(self._anchors),
            np.array(self._colours),
            np.array(self._layers),
            np.array(self._parts),
            np.array(self._centres),
        )


def build(look: Look) -> Shape:
    """The shape of a vehicle that looks like this."""
    builder = _Builder()
    if look.kind == "lorry":
        _lorry(builder, look)
    elif look.kind == "bus":
        _bus(builder, look)
    elif look.kind == "motorcycle":
        _motorcycle(builder, look)
    else:
        _car(builder, look)
    return builder.shape()


@dataclass(frozen=True, slots=True)
class _CarForm:
    """Measures of a car in metres; the cabin's ends are shares of the length from the rear."""

    length: float
    width: float
    waist: float
    height: float
    cabin: tuple[float, float, float, float]


_CARS = {
    "saloon": _CarForm(4.6, 1.8, 0.86, 1.44, (0.10, 0.24, 0.56, 0.76)),
    "hatchback": _CarForm(3.9, 1.72, 0.88, 1.5, (0.01, 0.10, 0.58, 0.80)),
    "van": _CarForm(5.0, 1.95, 1.05, 2.05, (0.0, 0.02, 0.70, 0.88)),
    "pickup": _CarForm(5.3, 1.95, 1.0, 1.8, (0.36, 0.40, 0.62, 0.76)),
}


def _car(builder: _Builder, look: Look) -> None:
    form = _CARS[look.kind]
    length, width = form.length * look.stretch, form.width * look.stretch
    waist, roof = form.waist * look.stretch, form.height * look.stretch
    half, rear, front = width / 2, -length / 2, length / 2
    paint = look.paint
    bonnet = waist - 0.1
    _body(builder, (rear, front), (half, waist, bonnet), paint)
    back_low, back_high, front_high, front_low = (rear + share * length for share in form.cabin)
    top = look.second if look.decoration == "roof" else paint
    inner = half * 0.82
    rear_glass = paint if look.kind == "van" else _GLASS
    cabin = (
        (back_low, waist - 0.02, half * 0.96),
        (back_high, roof, inner),
        (front_high, roof, inner),
        (front_low, bonnet, half * 0.94),
    )
    builder.solid(cabin, (rear_glass, top, _GLASS), paint, 2)
    if look.kind != "van":
        window = (
            (back_low + 0.18, waist + 0.02),
            (back_high + 0.1, roof - 0.1),
            (front_high - 0.05, roof - 0.1),
            (front_low - 0.22, waist + 0.02),
        )
        builder.sides(window, half * 0.93, _GLASS, 3)
    else:
        builder.sides(
            ((front_high - 1.1, waist), (front_high - 1.1, roof - 0.25), (front_high, roof - 0.25), (front_low - 0.2, waist)),
            half * 0.95,
            _GLASS,
            3,
        )
        builder.detail(
            ((-inner, rear, roof - 0.2), (inner, rear, roof - 0.2), (inner, rear, waist + 0.1), (-inner, rear, waist + 0.1)),
            _GLASS,
            3,
        )
    _decorate_roof(builder, look, (back_high, front_high), inner, roof)
    if look.kind == "pickup":
        bed = ((rear + 0.15, half * 0.8), (back_low - 0.1, half * 0.8))
        builder.detail(_level(bed[0][0], bed[1][0], bed[0][1], waist + 0.01), _TRIM, 3)


def _body(builder: _Builder, ends: tuple[float, float], sizes: tuple[float, float, float], paint: Colour) -> None:
    """The lower body of a car with wheels, lamps and plates."""
    rear, front = ends
    half, waist, bonnet = sizes
    profile = (
        (rear + 0.05, 0.26, half * 0.94),
        (rear, 0.55, half),
        (rear + 0.06, waist, half * 0.97),
        (front - 0.9, bonnet + 0.04, half * 0.97),
        (front - 0.05, bonnet - 0.12, half * 0.92),
        (front, 0.5, half * 0.94),
        (front - 0.06, 0.24, half * 0.92),
    )
    dark = tuple(0.75 * value for value in paint)
    builder.solid(profile, ((dark[0], dark[1], dark[2]), paint, paint, paint, paint, _TRIM), paint, 1)
    radius = 0.33
    builder.wheels((rear + 0.85, front - 0.85), radius, half, 1)
    for sign in (-1.0, 1.0):
        outer, inner = sign * half * 0.92, sign * half * 0.55
        builder.detail(((outer, rear, 0.62), (outer, rear, 0.8), (inner, rear, 0.8), (inner, rear, 0.62)), _RED_LAMP, 1)
        builder.detail(
            ((outer, front, 0.56), (outer, front - 0.04, 0.7), (inner, front - 0.04, 0.7), (inner, front, 0.56)), _WHITE_LAMP, 1
        )
    for end in ends:
        builder.detail(((-0.26, end, 0.42), (-0.26, end, 0.54), (0.26, end, 0.54), (0.26, end, 0.42)), _PLATE, 1)
    builder.detail(
        ((-half * 0.45, front, 0.56), (-half * 0.45, front, 0.68), (half * 0.45, front, 0.68), (half * 0.45, front, 0.56)),
        _TRIM,
        1,
    )


def _decorate_roof(builder: _Builder, look: Look, ends: tuple[float, float], half: float, roof: float) -> None:
    rear, front = ends
    if look.decoration == "stripe":
        builder.detail(_level(rear, front, half * 0.3, roof + 0.01), look.second, 3)
    elif look.decoration == "sunroof":
        builder.detail(_level(front - 0.9, front - 0.2, half * 0.65, roof + 0.01), _GLASS, 3)
    elif look.decoration == "rack":
        for share in (0.2, 0.8):
            bar = rear + share * (front - rear)
            builder.detail(_level(bar - 0.06, bar + 0.06, half, roof + 0.06), _TRIM, 3)


def _level(rear: float, front: float, half: float, height: float) -> tuple[tuple[float, float, float], ...]:
    return ((-half, rear, height), (-half, front, height), (half, front, height), (half, rear, height))


def _lorry(builder: _Builder, look: Look) -> None:
    length, half = 7.6 * look.stretch, 1.15 * look.stretch
    rear, front = -length / 2, length / 2
    cab = front - 1.8
    load_top, cab_top = 3.1 * look.stretch, 2.5 * look.stretch
    builder.solid(
        ((rear, 0.5, half * 0.9), (rear, 0.9, half * 0.9), (front, 0.9, half * 0.9), (front, 0.45, half * 0.9)),
        (_TRIM,) * 3,
        _TRIM,
        0,
    )
    builder.wheels((rear + 1.2, front - 1.0), 0.45, half * 0.95, 0)
    load = look.second
    builder.solid(
        ((rear, 0.85, half), (rear, load_top, half), (cab - 0.15, load_top, half), (cab - 0.15, 0.85, half)),
        (load, load, load),
        load,
        1,
    )
    if look.decoration in ("stripe", "roof"):
        builder.sides(((rear, 1.6), (rear, 2.1), (cab - 0.15, 2.1), (cab - 0.15, 1.6)), half + 0.01, look.paint, 2)
        builder.detail(_level(rear + 1.0, cab - 1.0, half * 0.5, load_top + 0.01), look.paint, 2)
    builder.detail(
        ((-half * 0.9, rear, 0.65), (-half * 0.9, rear, 0.8), (half * 0.9, rear, 0.8), (half * 0.9, rear, 0.65)), _RED_LAMP, 1
    )
    paint = look.paint
    profile = (
        (cab, 0.55, half * 0.96),
        (cab, cab_top, half * 0.92),
        (front - 0.35, cab_top, half * 0.92),
        (front, 1.4, half * 0.96),
        (front, 0.5, half * 0.96),
    )
    builder.solid(profile, (paint, paint, _GLASS, paint), paint, 1)
    builder.sides(((cab + 0.35, 1.5), (cab + 0.35, 2.15), (front - 0.4, 2.15), (front - 0.15, 1.5)), half * 0.97, _GLASS, 2)
    for sign in (-1.0, 1.0):
        outer, inner = sign * half * 0.9, sign * half * 0.6
        builder.detail(((outer, front, 0.7), (outer, front, 0.9), (inner, front, 0.9), (inner, front, 0.7)), _WHITE_LAMP, 2)


def _bus(builder: _Builder, look: Look) -> None:
    length, half, top = 10.0 * look.stretch, 1.25 * look.stretch, 3.0 * look.stretch
    rear, front = -length / 2, length / 2
    paint = look.paint
    profile = ((rear, 0.35, half), (rear, top, half), (front - 0.1, top, half), (front, 1.2, half), (front, 0.35, half))
    builder.solid(profile, (paint, look.second if look.decoration == "roof" else paint, _GLASS, paint), paint, 1)
    panes = 6
    step = (length - 1.0) / panes
    for pane in range(panes):
        start = rear + 0.5 + pane * step
        builder.sides(
            ((start, 1.4), (start, 2.4), (start + step - 0.15, 2.4), (start + step - 0.15, 1.4)), half + 0.01, _GLASS, 2
        )
    builder.sides(((rear, 0.8), (rear, 1.15), (front, 1.15), (front, 0.8)), half + 0.01, look.second, 2)
    builder.wheels((rear + 2.2, front - 2.0), 0.48, half + 0.01, 2)
    builder.detail(
        ((-half * 0.8, rear, 1.6), (-half * 0.8, rear, 2.5), (half * 0.8, rear, 2.5), (half * 0.8, rear, 1.6)), _GLASS, 2
    )
    builder.detail(_level(-1.2, 1.2, half * 0.5, top + 0.02), _TRIM if look.decoration == "rack" else look.second, 2)
    for sign in (-1.0, 1.0):
        outer, inner = sign * half * 0.9, sign * half * 0.6
        builder.detail(((outer, front, 0.6), (outer, front, 0.8), (inner, front, 0.8), (inner, front, 0.6)), _WHITE_LAMP, 2)
        builder.detail(((outer, rear, 0.7), (outer, rear, 1.0), (inner, rear, 1.0), (inner, rear, 0.7)), _RED_LAMP, 2)


def _motorcycle(builder: _Builder, look: Look) -> None:
    builder.solid(((-1.05, 0.05, 0.07), (-1.05, 0.65, 0.07), (1.05, 0.65, 0.07), (1.05, 0.05, 0.07)), (_TYRE,) * 3, _TYRE, 0)
    paint = look.paint
    builder.solid(
        ((-0.9, 0.5, 0.16), (-0.8, 0.85, 0.2), (0.55, 0.95, 0.22), (0.7, 0.5, 0.16)), (_RED_LAMP, paint, _WHITE_LAMP), paint, 1
    )
    rider = look.second
    builder.solid(((-0.5, 0.8, 0.24), (-0.35, 1.4, 0.26), (0.05, 1.4, 0.26), (0.25, 0.8, 0.3)), (rider, rider, rider), rider, 2)
    builder.solid(
        ((-0.25, 1.4, 0.12), (-0.25, 1.68, 0.13), (0.05, 1.68, 0.13), (0.08, 1.4, 0.12)), (paint, paint, _GLASS), paint, 3
    )
