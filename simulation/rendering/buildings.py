"""Houses with windows, doors, shop fronts and roofs, in several styles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Material, Part
from simulation.rendering.shapes import box, moved, quads

__all__ = ["Building", "building_parts"]

_PLASTER = (
    (0.83, 0.79, 0.70),
    (0.80, 0.74, 0.62),
    (0.72, 0.70, 0.67),
    (0.86, 0.83, 0.79),
    (0.76, 0.63, 0.52),
    (0.66, 0.70, 0.68),
    (0.80, 0.70, 0.55),
)
_BRICK = ((0.55, 0.33, 0.26), (0.50, 0.30, 0.22), (0.60, 0.42, 0.32), (0.46, 0.36, 0.31))
_CONCRETE = ((0.62, 0.61, 0.59), (0.55, 0.55, 0.55), (0.68, 0.66, 0.62))
_ROOFS = ((0.48, 0.27, 0.20), (0.36, 0.24, 0.21), (0.30, 0.30, 0.32), (0.42, 0.35, 0.30))
_SIGNS = ((0.15, 0.30, 0.50), (0.55, 0.13, 0.12), (0.14, 0.36, 0.24), (0.20, 0.20, 0.22), (0.70, 0.55, 0.18))
_PANES = ((0.07, 0.08, 0.09), (0.13, 0.13, 0.12), (0.36, 0.34, 0.31))
_DOORS = ((0.28, 0.18, 0.12), (0.16, 0.24, 0.20), (0.20, 0.22, 0.28), (0.40, 0.30, 0.20), (0.45, 0.44, 0.42), (0.34, 0.12, 0.11))
_FRAMES = ((0.85, 0.85, 0.83), (0.30, 0.27, 0.24), (0.45, 0.46, 0.47))
_WALLS = {"plaster": _PLASTER, "brick": _BRICK, "concrete": _CONCRETE}


@dataclass(frozen=True, slots=True)
class Building:
    """A house.

    Attributes:
        place: x and y of its middle, metres.
        heading: Degrees that its front looks to.
        width: Metres along its front.
        depth: Metres.
        floors: Number of floors.
        seed: Decides the rest.
    """

    place: tuple[float, float]
    heading: float
    width: float
    depth: float
    floors: int
    seed: int

    @property
    def height(self) -> float:
        """Metres up to its eaves."""
        return 3.6 + 2.9 * (self.floors - 1) + 0.35

    def corners(self, margin: float = 0.0) -> Floats:
        """(4, 2): its outline on the ground, anticlockwise, larger by ``margin``."""
        x, y = self.width / 2 + margin, self.depth / 2 + margin
        flat = np.array(((-x, -y, 0.0), (x, -y, 0.0), (x, y, 0.0), (-x, y, 0.0)))
        result: Floats = moved(flat, (*self.place, 0.0), self.heading)[:, :2]
        return result


@dataclass(frozen=True, slots=True)
class _Style:
    wall: str
    paint: Material
    ground_wall: str
    ground_paint: Material
    frame: Material
    bay: float
    window: tuple[float, float]
    shop: bool
    cross: bool


def _style(generator: np.random.Generator, floors: int) -> _Style:
    wall = str(generator.choice(("plaster", "brick", "concrete"), p=(0.55, 0.25, 0.20) if floors < 5 else (0.35, 0.2, 0.45)))
    paint = Material(tuple(generator.choice(np.array(_WALLS[wall])) * generator.uniform(0.92, 1.05)), roughness=0.9)
    ground = str(generator.choice((wall, "concrete")))
    ground_paint = paint if ground == wall else Material(tuple(generator.choice(np.array(_CONCRETE))), roughness=0.9)
    wide = bool(generator.random() < 0.4)
    return _Style(
        wall,
        paint,
        ground,
        ground_paint,
        Material(tuple(generator.choice(np.array(_FRAMES))), roughness=0.6),
        float(generator.uniform(2.4, 3.2)),
        (1.7 if wide else 1.15, 1.35 if wide else 1.55),
        bool(generator.random() < 0.45),
        not wide,
    )


def building_parts(building: Building) -> list[Part]:
    """What a building is made of."""
    generator = np.random.default_rng((building.seed, 7))
    style = _style(generator, building.floors)
    parts: list[Part] = []
    half_x, half_y = building.width / 2, building.depth / 2
    # In its own coordinates the front looks along +y; each wall is made looking along -y, then turned about the middle.
    for turn, width, out in (
        (180.0, building.width, half_y),
        (0.0, building.width, half_y),
        (90.0, building.depth, half_x),
        (270.0, building.depth, half_x),
    ):
        front = turn == 180.0
        wall = _wall(width, building.floors, style, generator, shop=style.shop and front, door=front)
        parts += [
            Part(
                part.name,
                moved(moved(part.points, (0.0, -out, 0.0)), (0.0, 0.0, 0.0), turn),
                part.triangles,
                part.material,
                part.smooth,
            )
            for part in wall
        ]
    parts += _roof(building, style, generator)
    return [
        Part(part.name, moved(part.points, (*building.place, 0.0), building.heading), part.triangles, part.material, part.smooth)
        for part in parts
    ]


def _wall(width: float, floors: int, style: _Style, generator: np.random.Generator, *, shop: bool, door: bool) -> list[Part]:
    """A wall from -width/2 to width/2 along x at y = 0 that looks along -y."""
    bays = max(1, int((width - 0.8) / style.bay))
    pitch = width / bays
    upper: list[Floats] = []
    ground: list[Floats] = []
    reveals: list[Floats] = []
    panes: list[list[Floats]] = [[], [], []]
    frames: list[Floats] = []
    parts: list[Part] = []
    entry = int(generator.integers(bays)) if door else -1
    for floor in range(floors):
        bottom, height = (0.0, 3.6) if floor == 0 else (3.6 + 2.9 * (floor - 1), 2.9)
        for bay in range(bays):
            left, is_door = -width / 2 + bay * pitch, floor == 0 and bay == entry
            x0, x1, z0, z1 = opening = _opening(left, pitch, bottom, style, is_door=is_door, is_shop=floor == 0 and shop)
            layer = ground if floor == 0 else upper
            layer += [
                _upright(left, left + pitch, bottom, z0),
                _upright(left, left + pitch, z1, bottom + height),
                _upright(left, x0, z0, z1),
                _upright(x1, left + pitch, z0, z1),
            ]
            reveals += _reveals(*opening)
            if is_door:
                colour = generator.choice(np.array(_DOORS))
                parts.append(quads("plain", _upright(*opening, 0.16)[None], Material(tuple(colour), roughness=0.5)))
                continue
            panes[int(generator.integers(3))].append(_upright(*opening, 0.15))
            frames += _frame(*opening, cross=style.cross and not (floor == 0 and shop))
    for name, corners, material in (
        (style.wall, upper, style.paint),
        (style.ground_wall, ground, style.ground_paint),
        ("plain", reveals, style.ground_paint),
        ("plain", frames, style.frame),
        *(("pane", some, Material(colour, roughness=0.05)) for some, colour in zip(panes, _PANES, strict=True)),
    ):
        if corners:
            parts.append(quads(name, np.array(corners), material))
    if shop:
        parts += _shop_front(width, generator)
    parts.append(box("plain", (0.0, -0.06, 3.5), (width, 0.14, 0.14), 0.0, style.ground_paint))
    return parts


def _opening(
    left: float, pitch: float, bottom: float, style: _Style, *, is_door: bool, is_shop: bool
) -> tuple[float, float, float, float]:
    """Left, right, lower and upper edge of a window or door in a bay."""
    wide, high, sill = style.window[0], style.window[1], bottom + 0.95
    if is_door:
        wide, high, sill = 1.15, 2.35, 0.15
    elif is_shop:
        wide, high, sill = pitch - 0.5, 2.35, 0.45
    wide = min(wide, pitch - 0.4)
    return left + (pitch - wide) / 2, left + (pitch + wide) / 2, sill, sill + high


def _shop_front(width: float, generator: np.random.Generator) -> list[Part]:
    sign = Material(tuple(generator.choice(np.array(_SIGNS))), roughness=0.5)
    parts = [box("plain", (0.0, -0.08, 2.95), (width * 0.86, 0.14, 0.55), 0.0, sign)]
    if generator.random() < 0.6:
        half = width * 0.4
        awning = np.array((((-half, -1.3, 2.55), (half, -1.3, 2.55), (half, 0.0, 2.95), (-half, 0.0, 2.95)),))
        parts.append(quads("plain", awning, sign))
    return parts


def _upright(x0: float, x1: float, z0: float, z1: float, y: float = 0.0) -> Floats:
    return np.array(((x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)))


def _reveals(x0: float, x1: float, z0: float, z1: float, deep: float = 0.15) -> list[Floats]:
    return [
        np.array(((x0, 0.0, z0), (x1, 0.0, z0), (x1, deep, z0), (x0, deep, z0))),
        np.array(((x0, deep, z1), (x1, deep, z1), (x1, 0.0, z1), (x0, 0.0, z1))),
        np.array(((x0, 0.0, z0), (x0, deep, z0), (x0, deep, z1), (x0, 0.0, z1))),
        np.array(((x1, deep, z0), (x1, 0.0, z0), (x1, 0.0, z1), (x1, deep, z1))),
    ]


def _frame(x0: float, x1: float, z0: float, z1: float, *, cross: bool) -> list[Floats]:
    bar, y, middle = 0.07, 0.12, (x0 + x1) / 2
    bars = [
        _upright(x0, x1, z0, z0 + bar, y),
        _upright(x0, x1, z1 - bar, z1, y),
        _upright(x0, x0 + bar, z0, z1, y),
        _upright(x1 - bar, x1, z0, z1, y),
        _upright(middle - bar / 2, middle + bar / 2, z0, z1, y),
        np.array(((x0 - 0.08, -0.09, z0), (x1 + 0.08, -0.09, z0), (x1 + 0.08, 0.0, z0 + 0.03), (x0 - 0.08, 0.0, z0 + 0.03))),
    ]
    if cross:
        high = z0 + 0.68 * (z1 - z0)
        bars.append(_upright(x0, x1, high - bar / 2, high + bar / 2, y))
    return bars


def _roof(building: Building, style: _Style, generator: np.random.Generator) -> list[Part]:
    x, y, top = building.width / 2, building.depth / 2, building.height - 0.35
    tiles = Material(tuple(generator.choice(np.array(_ROOFS)) * generator.uniform(0.85, 1.1)), roughness=0.9)
    if building.floors >= 4 or generator.random() < 0.3:
        flat = quads(
            "plain",
            np.array((((-x, -y, top), (x, -y, top), (x, y, top), (-x, y, top)),)),
            Material((0.42, 0.41, 0.40), roughness=0.9),
        )
        rims = [box("plain", (0.0, side * (y - 0.12), top), (2 * x, 0.26, 0.65), 0.0, style.ground_paint) for side in (-1, 1)] + [
            box("plain", (side * (x - 0.12), 0.0, top), (0.26, 2 * y, 0.65), 0.0, style.ground_paint) for side in (-1, 1)
        ]
        machines = [
            box("plain", (*generator.uniform((-x * 0.6, -y * 0.6), (x * 0.6, y * 0.6)), top), (1.6, 1.2, 1.1), 0.0, style.frame)
            for _ in range(2)
        ]
        return [flat, *rims, *machines]
    x, y, rise, over = x + 0.1, y + 0.35, building.depth * 0.34, top - 0.05
    slopes = np.array(
        (
            ((-x, y, over), (x, y, over), (x, 0.0, over + rise), (-x, 0.0, over + rise))[::-1],
            ((-x, -y, over), (x, -y, over), (x, 0.0, over + rise), (-x, 0.0, over + rise)),
        )
    )
    gables = Part(
        style.wall,
        np.array(
            (
                (-x + 0.1, -y, over),
                (-x + 0.1, y, over),
                (-x + 0.1, 0, over + rise),
                (x - 0.1, -y, over),
                (x - 0.1, y, over),
                (x - 0.1, 0, over + rise),
            )
        ),
        np.array(((1, 0, 2), (3, 4, 5))),
        style.paint,
        smooth=False,
    )
    chimney = box(
        "brick", (x * 0.5, y * 0.2, over + rise * 0.6), (0.7, 0.7, rise * 0.4 + 1.1), 0.0, Material(_BRICK[0], roughness=0.9)
    )
    return [quads("roof", slopes, tiles), gables, chimney]
