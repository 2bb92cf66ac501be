"""Sites with calibrated cameras, and tracklets that move on the ground, for tests of evidence from places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from tests.support.traffic import START, tracklet
from throughline.messages import Clock, GroundPoint, PathPoint, Tracklet
from throughline.settings import Site, parse_site
from throughline.times import after
from throughline.types import ClockSource

__all__ = ["SCALE", "calibrated_site", "moving"]

SCALE = 0.05
"""Metres a pixel, everywhere: a camera straight above."""


def calibrated_site(cameras: int = 2, matching: str = "", units: str = "metres", uncertainty: float = 2.0) -> Site:
    """Cameras c1, c2 ... that see one junction at once, from straight above."""
    matrix = f"[[{SCALE}, 0, 0], [0, {SCALE}, 0], [0, 0, 1]]"
    if units == "degrees":  # latitude from y, longitude from x, near 60 degrees north
        matrix = f"[[0, {SCALE / 111_195}, 60], [{2 * SCALE / 111_195}, 0, 100], [0, 0, 1]]"
    ground = f"{{homography: {matrix}, units: {units}, uncertainty: {uncertainty}}}"
    lines = ["site: test", "cameras:"]
    lines += [f"  - {{id: c{number}, ground: {ground}}}" for number in range(1, cameras + 1)]
    lines += ["groups:", f"  all: {{cameras: [{', '.join(f'c{n}' for n in range(1, cameras + 1))}],"]
    lines += ["        link: {travel: {min: -30, typical: 0, max: 30}}}"]
    return parse_site("\n".join(lines) + f"\nmatching: {{{matching}}}\n")


def moving(
    camera: str,
    start: float,
    end: float,
    at: Callable[[float], Sequence[float]],
    *,
    every: float = 0.5,
    height: float = 40.0,
    clock: float = 0.0,
    degrees: bool = False,
    name: str | None = None,
    state: str = "closed",
) -> Tracklet:
    """A tracklet that is at ``at(t)`` metres, t in seconds after `START`."""
    points = []
    for t in np.arange(start, end + 1e-9, every).tolist():
        x, y = at(t)
        place = GroundPoint(100.0 + 2 * x / 111_195, 60.0 + y / 111_195) if degrees else GroundPoint(x, y)
        points.append(PathPoint(after(START, t), x / SCALE - 30.0, y / SCALE - height, 60.0, height, place))
    whole = tracklet(camera, start, end, name=name, state=state)
    return msgspec.structs.replace(whole, path=tuple(points), clock=Clock(ClockSource.FILE, clock))
