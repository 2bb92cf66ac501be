"""Carriageways as they lie on the ground: their area, kerbs, markings, and what years of traffic have left on them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from simulation.city.cameras import Floats
from simulation.city.scenario import Road
from simulation.rendering.mesh import Material, Part
from simulation.rendering.shapes import boxes, quads, ribbon

__all__ = ["KERB_HEIGHT", "PavedArea", "edge_lines", "kerbs", "markings", "paved_area", "resampled", "sideways", "wear"]

KERB_HEIGHT = 0.12
"""Metres of pavements above the road."""

_WHITE = Material((0.80, 0.80, 0.77), roughness=0.6, opacity=0.9)
_KERB = Material((0.56, 0.55, 0.53), roughness=0.9)
_MARKING_HEIGHT, _STAIN_HEIGHT = 0.010, 0.005


@dataclass(frozen=True, slots=True)
class PavedArea:
    """How far places are from the carriageways' edge.

    Attributes:
        distance: (H, W) metres, negative on carriageways; rows go north, columns east.
        corner: x and y of the first cell's corner.
        cell: Metres.
    """

    distance: npt.NDArray[np.float32]
    corner: tuple[float, float]
    cell: float

    def at(self, places: Floats) -> Floats:
        """(N,): metres from the edge at ``places`` (N, 2); far outside, as at its border."""
        cells = np.floor((places - self.corner) / self.cell).astype(int)
        cells = np.clip(cells, 0, np.array(self.distance.shape[::-1]) - 1)
        result: Floats = self.distance[cells[:, 1], cells[:, 0]].astype(float)
        return result


def sideways(line: Floats, offset: float) -> Floats:
    """``line`` (K, 2) shifted to its right by ``offset`` metres."""
    direction = np.gradient(line, axis=0)
    direction /= np.maximum(np.hypot(*direction.T), 1e-9)[:, None]
    result: Floats = line + offset * np.stack((direction[:, 1], -direction[:, 0]), 1)
    return result


def resampled(line: Floats, step: float) -> Floats:
    """Points about every ``step`` metres along ``line`` (K, 2), its ends included."""
    lengths = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate(((0.0,), np.cumsum(lengths)))
    where = np.linspace(0.0, along[-1], max(2, int(np.ceil(along[-1] / step)) + 1))
    return np.stack([np.interp(where, along, line[:, axis]) for axis in (0, 1)], 1)


def edge_lines(road: Road, step: float = 1.0) -> list[Floats]:
    """A street's left edge backwards and its right edge forwards, or a junction's closed outline; outside is on their right."""
    if road.kind == "junction":
        outline = road.centre if _signed_area(road.centre) > 0 else road.centre[::-1]
        return [resampled(np.concatenate((outline, outline[:1])), step)]
    half, line = road.lanes * road.lane_width / 2, resampled(road.centre, step)
    return [sideways(line, -half)[::-1], sideways(line, half)]


def _signed_area(outline: Floats) -> float:
    x, y = outline.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def paved_area(
    roads: Sequence[Road], corner: tuple[float, float], size: tuple[float, float], cell: float = 0.1, keep: int = 2
) -> PavedArea:
    """The area of ``roads`` in the rectangle from ``corner``, ``size`` metres east and north, drawn in cells of ``cell`` metres.

    Every ``keep``-th cell is kept, after smoothing.
    """
    shape = (int(size[1] / cell) // keep * keep, int(size[0] / cell) // keep * keep)
    mask = np.ones(shape, np.uint8)
    for road in roads:
        outlines = [road.centre] if road.kind == "junction" else _street_quads(road)
        for outline in outlines:
            points = np.round((outline - corner) / cell * 16 - 8).astype(np.int32)
            cv2.fillPoly(mask, [points], 0, shift=4)
    outside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    inside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    signed = cv2.GaussianBlur((outside - inside) * cell, (0, 0), 1.5)[::keep, ::keep]
    return PavedArea(np.ascontiguousarray(signed, np.float32), corner, cell * keep)


def _street_quads(road: Road) -> list[Floats]:
    half, line = road.lanes * road.lane_width / 2 + 0.15, resampled(road.centre, 2.0)
    left, right = sideways(line, -half), sideways(line, half)
    return [np.stack((left[k], right[k], right[k + 1], left[k + 1])) for k in range(len(line) - 1)]


def kerbs(roads: Sequence[Road], area: PavedArea) -> list[Part]:
    """Kerb stones where a carriageway ends and nothing paved goes on."""
    middles, sizes, headings = [], [], []
    for road in roads:
        for line in edge_lines(road):
            between = (line[:-1] + line[1:]) / 2
            along = np.diff(line, axis=0)
            lengths = np.hypot(*along.T)
            right = np.stack((along[:, 1], -along[:, 0]), 1) / np.maximum(lengths, 1e-9)[:, None]
            free = (area.at(between + 0.45 * right) > 0.05) & (area.at(between - 0.5 * right) < 0) & (lengths > 1e-3)
            places = (between + 0.10 * right)[free]
            middles.append(np.column_stack((places, np.full(len(places), -0.02))))
            sizes.append(
                np.column_stack((np.full(len(places), 0.17), lengths[free] + 0.02, np.full(len(places), KERB_HEIGHT + 0.03)))
            )
            headings.append(np.degrees(np.arctan2(along[free, 0], along[free, 1])))
    if not middles:
        return []
    return [boxes("kerb", np.concatenate(middles), np.concatenate(sizes), np.concatenate(headings), _KERB)]


def _band(line: Floats, start: float, end: float, offset: float) -> Floats | None:
    """The part of ``line`` from ``start`` to ``end`` metres, shifted sideways; None where it is too short."""
    lengths = np.concatenate(((0.0,), np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
    start, end = max(0.0, start), min(lengths[-1], end)
    if end - start < 0.15:
        return None
    where = np.concatenate(((start,), lengths[(lengths > start + 0.05) & (lengths < end - 0.05)], (end,)))
    shifted = sideways(line, offset)
    return np.stack([np.interp(where, lengths, shifted[:, axis]) for axis in (0, 1)], 1)


def _length(line: Floats) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def markings(roads: Sequence[Road], area: PavedArea) -> list[Part]:
    """Lane and centre lines, and at junctions stop lines, arrows and crossings."""
    parts: list[Part] = []
    junctions = [road for road in roads if road.kind == "junction"]
    for road in roads:
        if road.kind == "junction" or _length(road.centre) < 4:
            continue
        line = resampled(road.centre, 2.0)
        half, length = road.lanes * road.lane_width / 2, _length(line)
        at_end, at_start = _meets(line[-1], line[-1] - line[-2], junctions), _meets(line[0], line[0] - line[1], junctions)
        for lane in range(1, road.lanes):
            offset = lane * road.lane_width - half
            solid = length - 22.0 if at_end else length
            for start in np.arange(2.0, solid - 1, 7.5):
                parts += _line(line, start, min(start + 3.0, solid), offset, 0.13)
            if at_end:
                parts += _line(line, solid, length - 0.9, offset, 0.13)
        parts += _edge_marks(line, half, length, area)
        if at_end:
            parts += _line_across(line[-1], line[-1] - line[-2], -half + 0.15, half - 0.15, -0.75, 0.42)
            parts += _zebra(line[-1], line[-1] - line[-2], half, area)
            for lane in range(road.lanes):
                parts += _arrow(line, length - 7.5, (lane + 0.5) * road.lane_width - half, lane, road.lanes)
        if at_start:
            parts += _zebra(line[0], line[0] - line[1], half, area)
    return parts


def _line(line: Floats, start: float, end: float, offset: float, width: float) -> list[Part]:
    band = _band(line, start, end, offset)
    return [] if band is None else [ribbon("marking", band, width, _MARKING_HEIGHT, _WHITE)]


def _edge_marks(line: Floats, half: float, length: float, area: PavedArea) -> list[Part]:
    """A line towards the other direction of traffic, where there is one beside it."""
    beside = area.at(sideways(line, -half - 0.8)) < 0
    if beside.mean() < 0.5:
        return []
    return _line(line, 0.5, length - 0.6, -half + 0.10, 0.12)


def _meets(end: Floats, outwards: Floats, junctions: Sequence[Road]) -> bool:
    ahead = end + outwards / max(float(np.hypot(*outwards)), 1e-9) * 1.5
    return any(
        cv2.pointPolygonTest(
            junction.centre.astype(np.float32).reshape(-1, 1, 2), (float(ahead[0]), float(ahead[1])), measureDist=True
        )
        > -1.0
        for junction in junctions
    )


def _line_across(end: Floats, outwards: Floats, left: float, right: float, ahead: float, width: float) -> list[Part]:
    forward = outwards / np.hypot(*outwards)
    side = np.array((forward[1], -forward[0]))
    across = np.stack([end + forward * ahead + side * offset for offset in (left, right)])
    return [ribbon("marking", across, width, _MARKING_HEIGHT, _WHITE)]


def _zebra(end: Floats, outwards: Floats, half: float, area: PavedArea) -> list[Part]:
    forward = outwards / np.hypot(*outwards)
    side = np.array((forward[1], -forward[0]))
    stripes = []
    for offset in np.arange(-half + 0.45, half - 0.2, 1.0):
        stripe = np.stack([end + forward * ahead + side * offset for ahead in (0.7, 3.3)])
        if (area.at(stripe) < -0.1).all():
            stripes.append(ribbon("marking", stripe, 0.5, _MARKING_HEIGHT, _WHITE))
    return stripes if len(stripes) >= 2 else []


def _arrow(line: Floats, along: float, offset: float, lane: int, lanes: int) -> list[Part]:
    """Straight on; the outer lanes of several, and single ones, also show a turn. Lanes count from the left."""
    spot = _band(line, along, along + 3.2, offset)
    if spot is None or along < 4:
        return []
    forward = spot[-1] - spot[0]
    forward /= np.hypot(*forward)
    side = np.array((forward[1], -forward[0]))
    shaft = [(-0.09, 0.0), (0.09, 0.0), (0.09, 2.3), (-0.09, 2.3)]
    head = [(-0.32, 2.2), (0.32, 2.2), (0.02, 3.3), (-0.02, 3.3)]
    shapes = [shaft, head]
    turns = ([-1.0] if lane == 0 and lanes > 1 else []) + ([1.0] if lane == lanes - 1 else [])
    for turn in turns:
        shapes.append([(turn * x, y) for x, y in ((0.0, 0.85), (0.45, 1.25), (0.45, 1.47), (0.0, 1.07))])
        shapes.append([(turn * x, y) for x, y in ((0.40, 0.95), (0.95, 1.55), (0.85, 1.65), (0.30, 1.72))])
    corners = np.array(shapes)
    flat = spot[0] + corners[..., :1] * side + corners[..., 1:] * forward
    return [quads("marking", np.concatenate((flat, np.full((*flat.shape[:2], 1), _MARKING_HEIGHT)), 2), _WHITE)]


def wear(roads: Sequence[Road]) -> list[Part]:
    """Tyre tracks, oil, patches, sealed cracks and covers: the same for a road in every picture."""
    parts: list[Part] = []
    for road in roads:
        if road.kind == "junction":
            continue
        generator = np.random.default_rng(zlib.crc32(road.id.encode()))
        line = resampled(road.centre, 3.0)
        half, length = road.lanes * road.lane_width / 2, _length(line)
        if length < 3:
            continue
        for lane in range(road.lanes):
            middle = (lane + 0.5) * road.lane_width - half
            parts += [_stain(sideways(line, middle + wheel), 0.55, 0.05, 0.22) for wheel in (-0.78, 0.78)]
            parts.append(_stain(sideways(line, middle + generator.uniform(-0.1, 0.1)), 0.45, 0.05, 0.13))
        parts.append(_stain(sideways(line, half - 0.2), 0.35, 0.09, 0.5))
        parts += _patches(line, half, length, generator)
    return parts


def _stain(line: Floats, width: float, grey: float, opacity: float) -> Part:
    value = float(1.055 * grey ** (1 / 2.4) - 0.055)
    return ribbon("stain", line, width, _STAIN_HEIGHT, Material((value, value, value * 0.98), roughness=0.9, opacity=opacity))


def _patches(line: Floats, half: float, length: float, generator: np.random.Generator) -> list[Part]:
    parts = []
    for start in np.arange(generator.uniform(2, 20), length - 4, 17.0):
        where, offset = start + generator.uniform(-5, 5), generator.uniform(-half + 0.8, half - 0.8)
        patch = _band(line, where, where + generator.uniform(1.2, 7.0), offset)
        if patch is not None:
            parts.append(_stain(patch, generator.uniform(0.7, 1.9), generator.choice((0.035, 0.06, 0.16)), 1.3))
        crack = _band(line, where + 4, where + generator.uniform(7, 15), generator.uniform(-half + 0.3, half - 0.3))
        if crack is not None:
            fine = resampled(crack, 0.4)
            wiggle = np.cumsum(generator.normal(0, 0.05, fine.shape), axis=0)
            parts.append(_stain(fine + wiggle - wiggle.mean(0), 0.06, 0.022, 1.2))
        if generator.random() < 0.5:
            spot = _band(line, where + 9, where + 9.7, generator.uniform(-half + 0.6, half - 0.6))
            if spot is not None:
                parts.append(_stain(spot, 0.68, 0.035, 2.0))
    return parts
