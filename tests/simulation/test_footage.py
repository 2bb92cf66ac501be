from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from simulation import footage as package
from simulation.footage import Footage, shipped_footage
from throughline.types import ORIENTATIONS


@pytest.fixture(scope="module")
def footage() -> Footage:
    return shipped_footage("demo")


def test_clips_have_a_picture_for_each_instant_of_the_scenario(footage: Footage) -> None:
    sizes = {camera.id: camera.size for camera in footage.scenario.cameras}
    assert set(footage.clips) == set(footage.truth) == set(sizes)
    for camera, clip in footage.clips.items():
        with av.open(str(clip)) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == sizes[camera]
            assert stream.average_rate == footage.fps
            packets = [packet for packet in container.demux(stream) if packet.size]
        assert len(packets) == footage.seconds * footage.fps
        assert [number for number, packet in enumerate(packets) if packet.is_keyframe][::10] == list(range(0, 1200, 100))
        assert all(packet.pts == packet.dts for packet in packets), "pictures are reordered"


def test_clips_are_small_enough_to_ship(footage: Footage) -> None:
    assert sum(clip.stat().st_size for clip in footage.clips.values()) < 25e6


def test_truth_fits_the_scenario_and_the_pictures(footage: Footage) -> None:
    for camera in footage.scenario.cameras:
        truth = footage.truth[camera.id]
        assert len(truth) > 500
        assert truth.fps == footage.fps
        assert 0 <= truth.frames.min() <= truth.frames.max() < footage.seconds * footage.fps
        assert set(truth.vehicles.tolist()) <= set(footage.scenario.vehicles)
        assert (truth.boxes >= 0).all()
        assert (truth.boxes[:, 2:] <= camera.size).all()
        assert (truth.boxes[:, 2:] > truth.boxes[:, :2]).all()
        for share in (truth.inside, truth.visible):
            assert ((share >= 0) & (share <= 1)).all()
        assert set(truth.orientations.tolist()) <= set(range(len(ORIENTATIONS)))
        assert not np.array_equal(truth.visible, np.ones(len(truth))), "nothing hides anything"


def test_truth_is_where_the_scenario_says(footage: Footage) -> None:
    ways = {way.vehicle: way for way in footage.scenario.trajectories}
    assert len(ways) == len(footage.scenario.trajectories)
    for truth in footage.truth.values():
        for number in np.unique(truth.vehicles)[:5]:
            rows = truth.where(truth.vehicles == number)
            there, places, headings = ways[number].at(rows.frames / footage.fps)
            assert there.all()
            assert np.abs(rows.places - places).max() < 0.02
            assert np.abs(np.mod(rows.headings - headings + 180, 360) - 180).max() < 0.11


def test_what_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no footage standard; expected demo"):
        shipped_footage("standard")
    monkeypatch.setattr(package, "_FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"c01\.mp4: missing; python -m simulation.rendering.footage demo"):
        shipped_footage("demo")
