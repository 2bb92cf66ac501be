"""Scenarios and sightings come back from files as they were, within what is promised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulation.city import Scenario, Sightings, Trajectory
from simulation.city.storage import load_scenario, load_sightings, save_scenario, save_sightings, shipped_scenario
from simulation.city.visibility import all_sightings


def _wild(scenario: Scenario) -> Scenario:
    """With a way that turns, stops, backs and jumps in time."""
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.05, 30.0, 200))
    way = Trajectory(2, times, rng.uniform(-1e4, 1e4, (200, 2)), np.cumsum(rng.uniform(-179.0, 179.0, 200)))
    return replace(scenario, trajectories=(*scenario.trajectories, way))


def test_scenario_comes_back(straight: Scenario, tmp_path: Path) -> None:
    wild = _wild(straight)
    save_scenario(wild, tmp_path / "a.npz")
    back = load_scenario(tmp_path / "a.npz")
    assert (back.name, back.seconds, back.seed) == (wild.name, wild.seconds, wild.seed)
    assert back.cameras == wild.cameras
    assert back.vehicles == wild.vehicles
    assert len(back.trajectories) == len(wild.trajectories)
    for was, now in zip(wild.trajectories, back.trajectories, strict=True):
        assert now.vehicle == was.vehicle
        np.testing.assert_allclose(now.times, was.times, atol=0.00051)
        np.testing.assert_allclose(now.places, was.places, atol=0.0051)
        np.testing.assert_allclose(now.headings, was.headings, atol=0.051)
    for was_road, now_road in zip(wild.roads, back.roads, strict=True):
        assert (now_road.id, now_road.lanes, now_road.lane_width, now_road.kind) == (
            was_road.id, was_road.lanes, was_road.lane_width, was_road.kind,
        )  # fmt: skip
        np.testing.assert_allclose(now_road.centre, was_road.centre, atol=0.0051)
    assert list(back.links) == list(wild.links)
    np.testing.assert_allclose(back.links["c01", "c02"], wild.links["c01", "c02"], atol=0.00051)


def test_nothing_at_all_comes_back(straight: Scenario, tmp_path: Path) -> None:
    save_scenario(replace(straight, roads=(), trajectories=(), links={}, vehicles={}), tmp_path / "a.npz")
    back = load_scenario(tmp_path / "a.npz")
    assert (back.roads, back.trajectories, dict(back.links), dict(back.vehicles)) == ((), (), {}, {})


def test_the_same_scenario_gives_the_same_bytes(straight: Scenario, tmp_path: Path) -> None:
    save_scenario(straight, tmp_path / "a.npz")
    save_scenario(load_scenario(tmp_path / "a.npz"), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_sightings_come_back(straight: Scenario, tmp_path: Path) -> None:
    shown = list(all_sightings(straight, 5.0))
    nobody = replace(straight, trajectories=())
    shown.append(replace(next(iter(all_sightings(nobody, 5.0))), camera="empty"))
    save_sightings(shown, tmp_path / "a.npz")
    back = load_sightings(tmp_path / "a.npz")
    assert list(back) == ["c01", "c02", "empty"]
    assert len(back["empty"]) == 0
    for was in shown:
        now = back[was.camera]
        assert now.fps == was.fps
        for name in ("frames", "vehicles", "orientations"):
            np.testing.assert_array_equal(getattr(now, name), getattr(was, name))
        for name, most in (("boxes", 0.051), ("inside", 0.0006), ("visible", 0.0006), ("places", 0.0051), ("headings", 0.051)):
            np.testing.assert_allclose(getattr(now, name), getattr(was, name), atol=most)
        assert all(getattr(now, name).dtype == getattr(was, name).dtype for name in Sightings.__slots__[2:])


def test_a_file_of_the_other_kind_is_refused(straight: Scenario, tmp_path: Path) -> None:
    save_scenario(straight, tmp_path / "scenario.npz")
    save_sightings([], tmp_path / "sightings.npz")
    (tmp_path / "text.npz").write_text("hello", encoding="utf-8")
    with pytest.raises(ValueError, match="no sightings"):
        load_sightings(tmp_path / "scenario.npz")
    with pytest.raises(ValueError, match="no scenario"):
        load_scenario(tmp_path / "sightings.npz")
    with pytest.raises(ValueError, match="not an npz file"):
        load_scenario(tmp_path / "text.npz")
    with pytest.raises(ValueError, match="expected demo, standard or load"):
        shipped_scenario("paris")


def test_cut_off(straight: Scenario) -> None:
    short = straight.until(9.0)
    assert short.seconds == 9.0
    assert [way.vehicle for way in short.trajectories] == [1]
    assert straight.until(100.0).seconds == straight.seconds
