"""Videos of one's own become cameras, whatever they are coded in."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation.rtsp import Footage
from tests.support.clips import coded_picture, write_clip
from throughline.commands._demo_videos import VideoFolder
from throughline.commands._exit import CommandError

PICTURES = [coded_picture(number) for number in range(60)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "gate 1.mp4", PICTURES[:30], gop=10)
    write_clip(folder / "old.avi", PICTURES[:40], codec="mpeg4")
    write_clip(folder / "rare.mkv", PICTURES, gop=250)
    (folder / "notes.txt").write_text("no video")
    return folder


def test_what_cannot_be_served_is_encoded_once_and_told(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    scene = VideoFolder(folder, tmp_path, said.append)
    assert list(scene.footage) == ["gate-1", "old", "rare"]
    assert scene.footage["gate-1"] == folder / "gate 1.mp4"
    assert [line.partition(" (")[0] for line in said] == ["Re-encoding old.avi, once", "Re-encoding rare.mkv, once"]
    assert "the video is mpeg4" in said[0]
    assert "its keyframes are rare" in said[1]
    footage = Footage.load(scene.footage["rare"])
    assert footage.seconds == pytest.approx(3.0)
    assert footage.fps == pytest.approx(10.0), "20 frames a second are more than are looked at"
    assert scene.site["unlisted_links"] == "learn"
    assert [camera["number"] for camera in scene.site["cameras"]] == [1, 2, 3]
    assert scene.truth({}) is None
    assert scene.seconds == pytest.approx(3.0)
    again: list[str] = []
    assert VideoFolder(folder, tmp_path, again.append).footage == scene.footage
    assert again == []


def test_a_site_file_says_which_roads_there_are(folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        "site: mine\nkafka: {bootstrap_servers: 'kafka:9092'}\ncameras: [{id: gate-1, fps: 5}]\nunlisted_links: allow\n"
    )
    scene = VideoFolder(folder, tmp_path, lambda _: None, site)
    assert list(scene.footage) == ["gate-1"]
    assert scene.site["cameras"] == [{"id": "gate-1", "fps": 5.0}]
    assert scene.site["unlisted_links"] == "allow"
    assert not {"site", "kafka"} & scene.site.keys(), "the demo has its own"
    site.write_text("site: mine\ncameras: [{id: c09}]\n")
    with pytest.raises(CommandError, match="the camera c09 has no video: expected a file of that name; there are gate-1"):
        VideoFolder(folder, tmp_path, lambda _: None, site)


def test_folders_without_usable_videos_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a folder"):
        VideoFolder(tmp_path / "absent", tmp_path, print)
    with pytest.raises(CommandError, match="no video in"):
        VideoFolder(tmp_path, tmp_path / "cache", print)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.mp4").write_bytes(b"no video")
    with pytest.raises(CommandError, match=r"a\.mp4: cannot be read as a video"):
        VideoFolder(broken, tmp_path / "cache", lambda _: None)
    twice = tmp_path / "twice"
    twice.mkdir()
    for name in ("a b.mp4", "a-b.mp4"):
        (twice / name).write_bytes(b"")
    with pytest.raises(CommandError, match=r"would both be camera a-b"):
        VideoFolder(twice, tmp_path / "cache", print)
