"""What makes a body a car: lamps, grille, bumpers, plates, doors, mirrors and what is on the roof."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulation.city.cameras import Floats
from simulation.rendering.vehicles._paint import Finish
from simulation.rendering.vehicles._shapes import Assembly, box, ellipsoid, tube
from simulation.rendering.vehicles._shell import Shell, patch

__all__ = ["add_doors", "add_face", "add_mirrors", "add_plate", "add_tail", "add_top"]


def _corner(hull: Shell, start: float, back: float, front: bool) -> Floats:
    """Places of the outline from x = ``start`` on an end round the right corner to ``back`` metres along the side."""
    exponent = hull.corners[0 if front else 1]
    height = np.array(hull.reference)
    half, tip = float(hull.side(height)), float((hull.front if front else hull.rear)(height))
    corner = 0.5 ** (1 / exponent)
    x = np.linspace(start, half * corner, 6)
    if front:
        edge = hull.middle + (tip - hull.middle) * corner
        y = np.linspace(edge, min(edge, tip - back), 5)[1:]
        return np.concatenate((hull.along_front(x), hull.along_side(y)))
    edge = hull.middle + (tip - hull.middle) * corner
    y = np.linspace(edge, max(edge, tip + back), 5)[1:]
    return np.concatenate((hull.along_rear(x), hull.along_side(y)))[::-1]


def add_plate(model: Assembly, finish: Finish, hull: Shell, z: float, front: bool) -> None:
    """A number plate with marks that nobody can read."""
    width, height = 0.26, 0.055
    places = hull.along_front(np.linspace(-width, width, 5)) if front else hull.along_rear(np.linspace(width, -width, 5))
    model.add("plate-frame", finish.shade, patch(hull, places, (z - height - 0.012, z + height + 0.012), 0.012))
    model.add("plate", finish.plate, patch(hull, places * (0.96, 1.0), (z - height, z + height), 0.018))
    for x in (-0.19, -0.12, -0.05, 0.06, 0.13, 0.20):
        ends = np.array((x - 0.02, x + 0.02))
        mark = hull.along_front(ends) if front else hull.along_rear(ends[::-1])
        model.add("ink", finish.ink, patch(hull, mark, (z - height * 0.55, z + height * 0.55), 0.023))


def add_face(model: Assembly, finish: Finish, hull: Shell, looks: np.random.Generator, sill: float) -> None:
    """Grille, lower intake, lamps and plate at the front."""
    tip = float(hull.front(np.array(hull.reference)))
    bonnet = float(hull.top(np.array(tip - 0.15)))
    half = float(hull.side(np.array(hull.reference)))
    style = int(looks.integers(3))
    lamp_top = bonnet - 0.035 - float(looks.uniform(0, 0.02))
    lamp_low = lamp_top - float(looks.uniform(0.12, 0.17))
    inner = half * float(looks.uniform(0.56, 0.64))
    lamps = _corner(hull, inner, float(looks.uniform(0.42, 0.58)), front=True)
    rise = np.linspace(0.0, 0.045, len(lamps))[:, None]
    taper = np.linspace(0.0, 0.05, len(lamps))[:, None]
    rows = np.linspace(0, 1, 4)

    def heights(low: float, high: float) -> Floats:
        lower, upper = low + rise + taper, np.full_like(rise, high) + rise * 0.6
        result: Floats = lower + (upper - lower) * rows
        return result

    model.add("lamp-housing", finish.shade, patch(hull, lamps, heights(lamp_low - 0.012, lamp_top + 0.01), 0.008), both=True)
    model.add("head-lamp", finish.lamp, patch(hull, lamps[:-1], heights(lamp_low, lamp_top)[:-1], 0.014), both=True)
    for start, end in ((1, 4), (4, 6)):
        model.add(
            "reflector",
            finish.reflector,
            patch(hull, lamps[start:end], heights(lamp_low + 0.025, lamp_top - 0.02)[start:end], 0.02),
            both=True,
        )
    model.add("indicator", finish.amber, patch(hull, lamps[7:9], heights(lamp_low + 0.02, lamp_top - 0.03)[7:9], 0.02), both=True)
    wide = inner - 0.02
    grille_low = lamp_low - (0.0, 0.05, 0.12)[style]
    places = hull.along_front(np.linspace(-wide, wide, 9))
    model.add("grille", finish.shade, patch(hull, places, np.linspace(grille_low, lamp_top - 0.01, 4), 0.008))
    for z in np.linspace(grille_low + 0.03, lamp_top - 0.03, 4):
        model.add("trim", finish.trim, patch(hull, places * (0.97, 1.0), (z - 0.008, z + 0.008), 0.016))
    model.add(
        "badge",
        finish.chrome,
        patch(hull, hull.along_front(np.linspace(-0.06, 0.06, 3)), np.linspace(lamp_top - 0.13, lamp_top - 0.03, 3), 0.022),
    )
    low, high = sill + 0.05, sill + 0.20
    lower = hull.along_front(np.linspace(-half * 0.72, half * 0.72, 9))
    model.add("intake", finish.shade, patch(hull, lower, np.linspace(low, high, 6), 0.012))
    model.add("trim", finish.plastic, patch(hull, lower, ((low + high) / 2 - 0.012, (low + high) / 2 + 0.012), 0.014))
    fog = _corner(hull, half * 0.74, 0.26, front=True)
    model.add("intake", finish.shade, patch(hull, fog, np.linspace(low + 0.02, high + 0.03, 6), 0.012), both=True)
    model.add("reflector", finish.reflector, patch(hull, fog[1:3], (low + 0.06, high), 0.02), both=True)
    round_about = np.concatenate((mirrored_places(_corner(hull, 0.0, 0.5, front=True)), _corner(hull, 0.0, 0.5, front=True)[1:]))
    model.add("plastic", finish.plastic, patch(hull, round_about, np.linspace(sill + 0.001, sill + 0.045, 3), 0.01))
    model.add("seam", finish.seam, patch(hull, round_about[4:-4], (lamp_low - 0.045, lamp_low - 0.03), 0.005))
    add_plate(model, finish, hull, (high + grille_low) / 2 + 0.02, front=True)


def mirrored_places(places: Floats) -> Floats:
    """Places of an outline on the other side, clockwise again."""
    return places[::-1] * (-1.0, 1.0)


def add_tail(
    model: Assembly, finish: Finish, hull: Shell, house: Shell, looks: np.random.Generator, sill: float, high: bool, flat: bool
) -> None:
    """Lamps, plate, bumper and lid at the rear; ``high``: lamps stand upright beside the rear window."""
    tip = float(hull.rear(np.array(hull.reference)))
    deck = float(hull.top(np.array(tip + 0.15)))
    half = float(hull.side(np.array(hull.reference)))
    lamp_top = deck - 0.03
    lamp_low = lamp_top - float(looks.uniform(0.26, 0.34) if high or flat else looks.uniform(0.15, 0.2))
    inner = half * (0.80 if high or flat else float(looks.uniform(0.55, 0.68)))
    lamps = _corner(hull, inner, 0.18 if flat else float(looks.uniform(0.3, 0.45)), front=False)
    rows = np.linspace(0, 1, 3)
    levels = lamp_low + (lamp_top - lamp_low) * rows
    model.add("lamp-housing", finish.shade, patch(hull, lamps, levels * (1, 1, 1) + (-0.01, 0, 0.01), 0.006), both=True)
    model.add("rear-lamp", finish.red, patch(hull, lamps, levels, 0.013), both=True)
    third = (lamp_top - lamp_low) / 3
    model.add(
        "rear-indicator", finish.amber, patch(hull, lamps[4:8], (lamp_low + third, lamp_low + 1.6 * third), 0.018), both=True
    )
    model.add(
        "reversing-lamp",
        finish.reflector,
        patch(hull, lamps[6:9], (lamp_low + 0.15 * third, lamp_low + 0.8 * third), 0.018),
        both=True,
    )
    bumper = sill + (deck - sill) * 0.42
    around = np.concatenate((_corner(hull, 0.0, 0.45, front=False), mirrored_places(_corner(hull, 0.0, 0.45, front=False))[1:]))
    model.add("plastic", finish.plastic, patch(hull, around, np.linspace(sill + 0.001, sill + 0.13, 6), 0.012))
    model.add("seam", finish.seam, patch(hull, around[3:-3], (bumper, bumper + 0.015), 0.005))
    lid = np.array((half * 0.80, half * 0.785))
    for ends in (lid, -lid[::-1]):
        model.add("seam", finish.seam, patch(hull, hull.along_rear(ends), np.linspace(bumper, deck - 0.06, 4), 0.005))
    model.add(
        "red-reflector",
        finish.red,
        patch(hull, hull.along_rear((half * 0.82, half * 0.62)), (sill + 0.16, sill + 0.20), 0.012),
        both=True,
    )
    add_plate(model, finish, hull, bumper + 0.12 if not flat else bumper + 0.1, front=False)
    bar = hull.along_rear(np.linspace(0.32, -0.32, 5))
    model.add("trim", finish.trim, patch(hull, bar, (bumper + 0.21, bumper + 0.24), 0.02))
    model.add("badge", finish.chrome, patch(hull, hull.along_rear((0.05, -0.05)), (bumper + 0.27, bumper + 0.35), 0.014))
    model.add(
        "exhaust", finish.chrome, tube(((half * 0.55, tip + 0.25, sill + 0.02), (half * 0.55, tip + 0.06, sill + 0.02)), 0.032)
    )
    stop = house.along_rear((0.14, -0.14))
    _, edge = house.rim(stop)
    model.add("stop-lamp", finish.red, patch(house, stop, (float(edge[0]) - 0.085, float(edge[0]) - 0.06), 0.012))


def add_doors(model: Assembly, finish: Finish, hull: Shell, doors: Sequence[float], sill: float, clad: bool) -> None:
    """Lines between doors, handles, mouldings and sills, on both sides; ``clad``: arches and sills of bare plastic."""
    for number, y in enumerate(doors):
        places = hull.along_side((y + 0.007, y - 0.007))
        _, top = hull.rim(places)
        model.add("seam", finish.seam, patch(hull, places, np.linspace(sill + 0.12, float(top[0]) - 0.015, 7), 0.005), both=True)
        if number > 0:
            z = float(top[0]) - 0.19
            handle = hull.along_side(np.linspace(y + 0.25, y + 0.07, 4))
            model.add("seam", finish.seam, patch(hull, handle, (z - 0.022, z + 0.022), 0.004), both=True)
            model.add(
                "handle", finish.trim if clad else finish.paint, patch(hull, handle, (z - 0.012, z + 0.014), 0.025), both=True
            )
    lengthwise = hull.along_side(np.linspace(doors[0], doors[-1] + 0.1, 7))
    model.add("seam", finish.seam, patch(hull, lengthwise, (sill + 0.115, sill + 0.13), 0.005), both=True)
    sills = hull.along_side(np.linspace(hull.arches[0].y - hull.arches[0].radius, hull.arches[1].y + hull.arches[1].radius, 9))
    name, material = ("plastic", finish.plastic) if clad else ("dusty-body", finish.dusty)
    model.add(name, material, patch(hull, sills, np.linspace(sill + 0.001, sill + 0.10, 3), 0.014), both=True)
    for arch in hull.arches:
        _add_arch_rim(model, finish, hull, arch.y, arch.z, arch.radius, clad)
    if looks_moulded(doors):
        moulding = hull.along_side(np.linspace(doors[0] - 0.05, doors[-1] + 0.05, 7))
        model.add("seam", finish.seam, patch(hull, moulding, (sill + 0.27, sill + 0.285), 0.006), both=True)


def looks_moulded(doors: Sequence[float]) -> bool:
    """Whether doors are long enough for a moulding to show."""
    return doors[0] - doors[-1] > 1.5


def _add_arch_rim(model: Assembly, finish: Finish, hull: Shell, y: float, z: float, radius: float, clad: bool) -> None:
    """The edge of a wheel's arch: a band round it, of plastic on those that pretend to leave the road."""
    angles = np.linspace(0.02, np.pi - 0.02, 15)
    width = 0.055 if clad else 0.018
    places = hull.along_side(y + np.cos(angles) * (radius + width / 2))
    inner = z + np.sin(angles) * radius
    outer = z + np.sin(angles) * (radius + width)
    inner[[0, -1]] = outer[[0, -1]] = z
    rows = np.stack((inner, outer + 1e-3), -1)
    model.add("plastic" if clad else "seam", finish.plastic if clad else finish.seam, patch(hull, places, rows, 0.012), both=True)


def add_mirrors(model: Assembly, finish: Finish, place: tuple[float, float, float], scale: float) -> None:
    """A mirror on each side whose foot is at ``place`` on the right one."""
    x, y, z = place
    housing = ellipsoid((x + 0.10 * scale, y, z + 0.07 * scale), (0.105 * scale, 0.06 * scale, 0.07 * scale), 3.0, 6)
    model.add("mirror", finish.paint, housing, both=True)
    model.add("mirror-foot", finish.plastic, tube(((x - 0.05, y, z), (x + 0.08 * scale, y, z + 0.03)), 0.025, 6), both=True)
    glass = box(
        (x + 0.03 * scale, y - 0.066 * scale, z + 0.025 * scale), (x + 0.18 * scale, y - 0.05 * scale, z + 0.12 * scale), 0.01
    )
    model.add("mirror-glass", finish.chrome, glass, both=True)


def add_top(
    model: Assembly,
    finish: Finish,
    house: Shell,
    screen: tuple[float, float],
    back: tuple[float, float],
    looks: np.random.Generator,
    name: str,
) -> None:
    """Wipers, cowl, antenna, rails, sunroof, spoiler and roof box, as maker and owner chose."""
    foot = house.low
    cowl = house.along_front(np.linspace(-0.62, 0.62, 9))
    model.add("plastic", finish.plastic, patch(house, cowl, (foot + 0.045, foot + 0.10), 0.012))
    for x in (0.05, -0.50):
        blade = house.along_front(np.linspace(x, x + 0.48, 4))
        rise = np.linspace(0.11, 0.135, 4)[:, None] + np.array((0.0, 0.014))
        model.add("wiper", finish.shade, patch(house, blade, foot + rise, 0.02))
    roof = float(house.top(np.array((screen[1] + back[0]) / 2)))
    crown = house.crown
    half = float(house.side(np.array(roof)))
    if looks.random() < 0.5:
        fin = ellipsoid((0.0, back[0] + 0.25, roof + crown), (0.022, 0.10, 0.055), 2.0, 6)
        model.add("antenna", finish.paint, fin)
    else:
        model.add("antenna", finish.shade, tube(((0.0, back[0] + 0.2, roof), (0.0, back[0] - 0.05, roof + 0.30)), 0.006, 5))
    if name in ("estate", "suv") or (name == "van" and looks.random() < 0.3):
        ends = screen[1] - 0.25, back[0] + 0.25
        x = half - 0.11
        path = [(x, ends[0], roof), (x, ends[0] - 0.08, roof + 0.045), (x, ends[1] + 0.08, roof + 0.045), (x, ends[1], roof)]
        model.add("rails", finish.trim, tube(path, 0.017, 6), both=True)
    if name not in ("van", "pickup") and looks.random() < 0.3:
        width, first, last = (
            half * 0.62,
            screen[1] - 0.22,
            screen[1] - (1.05 if looks.random() < 0.3 and name != "saloon" else 0.68),
        )
        model.add("sunroof", finish.glass, box((-width, last, roof + crown - 0.03), (width, first, roof + crown + 0.006), 0.02))
    if name in ("hatchback", "estate", "suv"):
        lip = box((-half * 0.82, back[0] - 0.13, roof - 0.07), (half * 0.82, back[0] + 0.06, roof - 0.03), 0.018)
        model.add("spoiler", finish.second, lip)
    if name in ("estate", "suv", "hatchback", "saloon") and looks.random() < 0.05:
        middle = (screen[1] + back[0]) / 2
        for y in (middle + 0.4, middle - 0.4):
            model.add("roof-bars", finish.shade, tube(((-half * 0.9, y, roof + 0.09), (half * 0.9, y, roof + 0.09)), 0.02, 6))
        model.add("roof-box", finish.plastic, ellipsoid((half * 0.25, middle, roof + 0.26), (0.36, 0.85, 0.17), 3.5, 8))
