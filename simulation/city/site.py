"""The site file of a city: what its operator would have written down after looking at the cameras for a while."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from simulation.city.cameras import CityCamera, Floats
from simulation.city.passages import Passage, journeys, passages
from simulation.city.scenario import Scenario
from simulation.city.truth import annotated
from simulation.city.visibility import all_sightings
from throughline.settings import CameraSettings, GroundSettings, LinkSettings, Site, TravelSettings

__all__ = ["site_of", "travel_of"]

_LEAST_JOURNEYS: Final = 2
"""Roads that fewer vehicles took are not known to the operator."""
_OPPOSITE: Final = 120.0
"""Degrees between the sides that two cameras see, from which on they look at a vehicle from opposite sides."""
_SECONDS_OF: Final = 10.0
"""Frames a second at which passages are timed."""


def site_of(scenario: Scenario, fps: float) -> Site:
    """Cameras with their place, size and ground, and links with rough travel times; models and sources are the defaults.

    Travel times are quantiles of the true ones, widened and rounded, as a stop watch would give them. Links that fewer than
    two vehicles took are not listed, and those not listed are no roads.

    Args:
        scenario: The city.
        fps: Frames a second of its cameras.
    """
    seen = passages(map(annotated, all_sightings(scenario, _SECONDS_OF)))
    return Site(
        site=f"city-{scenario.name}",
        cameras=tuple(_camera(camera, fps) for camera in scenario.cameras),
        links=tuple(
            LinkSettings(
                from_=first,
                to=second,
                travel=travel_of(np.array([later.start - earlier.end for earlier, later in pairs])),
                opposite_view=_opposite(pairs),
            )
            for (first, second), pairs in journeys(seen).items()
            if len(pairs) >= _LEAST_JOURNEYS
        ),
    )


def travel_of(seconds: Floats) -> TravelSettings:
    """What an operator would say of travel times (N,): wider than they were, in halves of seconds."""
    least, median, most = np.quantile(seconds, (0.02, 0.5, 0.98)).tolist()
    slack = 1.0 + 0.1 * abs(median)
    shortest = least - 0.25 * (median - least) - slack
    longest = most + 0.5 * (most - median) + 2.0 * slack
    if least > 0.0:
        shortest = max(shortest, 0.0)
    return TravelSettings(min=math.floor(2.0 * shortest) / 2.0, typical=round(2.0 * median) / 2.0, max=float(math.ceil(longest)))


def _camera(camera: CityCamera, fps: float) -> CameraSettings:
    first, second, third = (tuple(row) for row in camera.homography().tolist())
    ground = GroundSettings(homography=(first, second, third))
    return CameraSettings(id=camera.id, number=camera.number, fps=fps, size=camera.size, ground=ground)


def _opposite(pairs: list[tuple[Passage, Passage]]) -> bool:
    """Whether most vehicles were seen from opposite sides."""
    apart = np.array([later.side - earlier.side for earlier, later in pairs])
    return float(np.mean(np.abs((apart + 180.0) % 360.0 - 180.0) >= _OPPOSITE)) > 0.5
