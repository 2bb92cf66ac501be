from __future__ import annotations

import numpy as np
import pytest

from simulation.rendering.light import DEMO_LIGHT, Light, light_of_day


def test_the_sun_stands_where_it_is_told_to() -> None:
    assert Light(azimuth=90.0, elevation=0.0).direction() == pytest.approx((1.0, 0.0, 0.0))
    assert Light(azimuth=180.0, elevation=45.0).direction() == pytest.approx((0.0, -(0.5**0.5), 0.5**0.5))


def test_clouds_pass_over_the_demo_and_reach_cameras_at_different_times() -> None:
    seconds = np.arange(0, 120, 0.1)
    one, other = (DEMO_LIGHT.sun_share(seconds, place) for place in ((-150.0, 0.0), (108.0, 0.0)))
    assert 0.1 < one.min() < 0.5
    assert one.max() > 0.85
    assert np.abs(np.diff(one)).max() < 0.05
    assert np.abs(one - other).max() > 0.3


def test_lights_of_days_differ_and_are_within_reason() -> None:
    days = [light_of_day(seed) for seed in range(30)]
    assert len({day.azimuth for day in days}) == 30
    assert all(20 < day.elevation < 65 and min(day.zenith) > 0.0 and min(day.sun) >= 0.1 for day in days)
