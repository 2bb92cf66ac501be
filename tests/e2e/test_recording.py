"""Recording as a user does it: a run of the whole product, and `track` on what it recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from simulation.drawn_road import draw_road
from throughline.commands.main import main
from throughline.formats.mot import MotRow, read_mot


def rows(path: Path) -> list[MotRow]:
    return sorted(read_mot(path), key=lambda row: (row.frame, row.id))


@pytest.mark.slow
def test_the_tracks_of_a_run_come_out_of_its_recording(tmp_path: Path) -> None:
    road = draw_road(tmp_path / "road", seed=0, seconds=12)
    data = yaml.safe_load(road.site.read_text(encoding="utf-8"))
    data |= {"kafka": {"embedded_port": 0}, "telemetry": {"port": 0}, "search": {"port": 0}}
    for camera in data["cameras"]:
        camera |= {"url": str(road.clips[camera["id"]]), "realtime": False}
    data["cameras"][1]["clock"] = {"offset": -0.7}
    data["cameras"][2]["roi"] = [[[0, 0], [500, 0], [500, 360], [0, 360]]]
    site = tmp_path / "site.yaml"
    site.write_text(yaml.safe_dump(data))
    recording, out = tmp_path / "recording", tmp_path / "out"
    assert main(["run", str(site), "--record", str(recording)]) == 0
    assert main(["track", "--detections", str(recording / "detections"), "--site", str(site), "--out", str(out)]) == 0
    for name in road.clips:
        assert rows(out / f"{name}.txt") == rows(recording / "tracks" / f"{name}.txt")
        numbers = [int(line.split(",")[0]) for line in (recording / "detections" / f"{name}.frames").read_text().splitlines()]
        assert numbers == list(range(1, round(road.seconds * road.fps) + 1))
    assert len({row.id for row in rows(out / "c01.txt")}) >= 2
