"""Recording live cameras, and what the recording is good for: the same tracks from the same detections."""

from __future__ import annotations

import asyncio
import errno
import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from inference.batcher import InferenceWorkers
from inference.models import Models
from streams.fleet import Fleet
from streams.recorded import track_recorded
from streams.recording import CameraRecorder, Recording
from streams.view import CameraView
from tests.support.cameras import value
from tests.support.tracking import degraded, detections, driving
from tests.support.vehicles import RedCarDetector
from throughline.bus.memory import MemoryBus
from throughline.formats.detections import read_detections
from throughline.formats.mot import MotRow, read_mot, write_mot
from throughline.formats.recorded_tracks import read_recorded_tracks
from throughline.messages import Tracklet, decode_record
from throughline.settings import CameraSettings, Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant
from throughline.types import ClockSource, Detections, Frame

START: Instant = 1_700_000_000_123_457
SIZE = (1280, 720)
CAMERA = CameraSettings.model_validate(
    {"id": "c01", "clock": {"offset": -1.5}, "ignore": [[[0, 0], [300, 0], [300, 200], [0, 200]]], "min_confidence": 0.2}
)
SITE = Site.model_validate({"site": "a", "cameras": [CAMERA]})


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


class Live:
    """A camera's view whose frames are recorded, as `streams.analysis` does."""

    def __init__(self, recorder: CameraRecorder) -> None:
        self.recorder = recorder
        self.view = CameraView(SITE.tracking, CAMERA, SIZE)

    def see(self, number: int, captured: Instant, seen: Detections, size: tuple[int, int] = SIZE) -> None:
        if self.view.size != size:
            self.cut(size)
        frame = Frame("c01", number, captured, ClockSource.RTCP, 0.0, np.broadcast_to(np.uint8(0), (size[1], size[0], 3)))
        tracks, _ = self.view.track(seen, captured)
        self.recorder.record(frame, seen, tracks)

    def cut(self, size: tuple[int, int] = SIZE) -> None:
        self.view.tracker.finish()
        self.recorder.cut()
        self.view = CameraView(SITE.tracking, CAMERA, size)


def scene(seed: int, seconds: float = 12.0) -> list[Detections]:
    """Ten frames a second of vehicles, as a middling detector sees them; some of them of unknown type."""
    random = np.random.default_rng(seed)
    vehicles = [
        ((-80.0, 80.0 * lane + 40, 20.0, 80.0 * lane + 100), (60.0 + 25 * lane, 3.0), 0.8 * lane, seconds) for lane in range(8)
    ]
    seen = [found for _, found in degraded(driving(vehicles, seconds, 10), seed)]
    return [Detections(one.boxes, one.scores, random.integers(0, 5, len(one))) for one in seen]


def replayed(folder: Path) -> list[MotRow]:
    (recorded,) = read_detections(folder / "detections", SITE)
    return sorted(track_recorded(SITE.tracking, CAMERA, recorded).rows, key=lambda row: (row.frame, row.id))


def live_rows(folder: Path) -> list[MotRow]:
    return sorted(read_mot(folder / "tracks" / "c01.txt"), key=lambda row: (row.frame, row.id))


def as_written(rows: list[MotRow], folder: Path) -> list[MotRow]:
    write_mot(folder / "replayed.txt", rows)
    return read_mot(folder / "replayed.txt")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_recording_gives_the_same_tracks_again(tmp_path: Path, metrics: Metrics, seed: int) -> None:
    """With capture times that jitter, frames that are dropped, and a camera that is away in between."""
    random = np.random.default_rng(seed)
    recording = Recording(tmp_path, metrics)
    live = Live(recording.camera(CAMERA))
    captured, number, frames = START, 0, 0
    for index, seen in enumerate(scene(seed)):
        step = 100_000 + int(random.integers(-40_000, 40_000))
        captured, number = captured + step, number + int(random.integers(1, 4))
        if index in (40, 41, 42) or random.random() < 0.1:
            continue
        if index == 70:
            live.cut()  # reconnected
        frames += 1
        live.see(number, captured, seen)
    recording.close()
    rows = live_rows(tmp_path)
    assert len(rows) > 150
    assert len({row.id for row in rows}) > 8
    assert as_written(replayed(tmp_path), tmp_path) == rows
    assert value(metrics, "frames_recorded_total", camera="c01") == frames


def test_what_the_detector_gave_is_recorded_to_the_last_bit(tmp_path: Path, metrics: Metrics) -> None:
    random = np.random.default_rng(3)
    corner = random.normal(0, 700, (500, 2))
    boxes = np.concatenate((corner, corner + random.lognormal(0, 6, (500, 2))), axis=1).astype(np.float32)
    boxes[7], boxes[8], boxes[9] = (5, 5, 5, 5), (np.nan, 0, 1, 1), (0, 0, np.inf, 1)
    seen = Detections(boxes, random.random(500).astype(np.float32), random.integers(0, 5, 500))
    recording = Recording(tmp_path, metrics)
    Live(recording.camera(CAMERA)).see(16, START, seen)
    recording.close()
    (recorded,) = read_detections(tmp_path / "detections", SITE)
    assert recorded.frames.numbers.tolist() == [17]
    assert recorded.frames.times(CAMERA).tolist() == [START]
    again = recorded.of(0)
    finite = np.isfinite(boxes).all(axis=1)
    np.testing.assert_array_equal(again.boxes[finite], boxes[finite])
    assert not np.isfinite(again.boxes[~finite]).all(axis=1).any()
    np.testing.assert_array_equal(again.scores, seen.scores)
    np.testing.assert_array_equal(again.classes, seen.classes)


def test_a_picture_of_another_size_cuts_tracks_again(tmp_path: Path, metrics: Metrics) -> None:
    recording = Recording(tmp_path, metrics)
    live = Live(recording.camera(CAMERA))
    for number in range(12):
        box = [[400 + 4 * number, 300, 480 + 4 * number, 360]]
        live.see(number, START + number * 100_000, detections(box), SIZE if number < 6 else (640, 480))
    recording.close()
    assert {row.id for row in live_rows(tmp_path)} == {1, 2}
    assert as_written(replayed(tmp_path), tmp_path) == live_rows(tmp_path)


def test_numbers_go_on_when_a_worker_starts_again_and_times_must(tmp_path: Path, metrics: Metrics) -> None:
    recording = Recording(tmp_path, metrics)
    for begin in (0, 9):  # the second time the camera's clock has gone back
        live = Live(recording.camera(CAMERA))
        for number in range(5):
            live.see(number, START + (begin + number - (2 if begin else 0)) * 100_000, Detections.empty())
        live.cut()
    first = Live(recording.camera(CAMERA))
    first.see(0, START, Detections.empty())
    recording.close()
    lines = (tmp_path / "detections" / "c01.frames").read_text().splitlines()
    assert [int(line.split(",")[0]) for line in lines] == list(range(1, 11))
    assert [line.split(",")[4] for line in lines] == ["0"] * 5 + ["1"] + ["0"] * 4
    assert value(metrics, "frames_not_recorded_total", camera="c01", reason="clock") == 1


def record_some(recording: Recording, frames: range) -> None:
    live = Live(recording.camera(CAMERA))
    for number in frames:
        live.see(number, START + number * 100_000, detections([[400 + 4 * number, 300, 480 + 4 * number, 360]]))


def test_a_folder_that_cannot_be_written_is_logged_once_and_counted(tmp_path: Path, metrics: Metrics) -> None:
    (tmp_path / "file").write_text("in the way")
    recording = Recording(tmp_path / "file" / "below", metrics)
    with capture_logs() as logs:
        record_some(recording, range(20))
        recording.close()
    (error,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert "cannot be written" in error["why"]
    assert value(metrics, "recording_failures_total", reason="disk") == 1
    assert value(metrics, "frames_not_recorded_total", camera="c01", reason="stopped") == 20
    assert value(metrics, "frames_recorded_total", camera="c01") == 0


def test_a_recording_is_never_written_over(tmp_path: Path, metrics: Metrics) -> None:
    (tmp_path / "detections").mkdir()
    (tmp_path / "detections" / "c01.txt").write_text("1,-1,0,0,9,9\n")
    recording = Recording(tmp_path, metrics)
    record_some(recording, range(3))
    recording.close()
    assert (tmp_path / "detections" / "c01.txt").read_text() == "1,-1,0,0,9,9\n"
    assert value(metrics, "recording_failures_total", reason="disk") == 1


class FullDisk(io.FileIO):
    """Takes so many bytes and no more, as a disk does: the last write in part."""

    left = 0

    def write(self, data: Any, /) -> int:
        if FullDisk.left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = super().write(bytes(data)[: FullDisk.left])
        FullDisk.left -= taken
        return taken


@pytest.mark.parametrize("room", [1, 700, 1000, 1033])
def test_a_full_disk_leaves_whole_frames(tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr("streams.recording_files.io.FileIO", FullDisk)
    FullDisk.left = room
    recording = Recording(tmp_path, metrics)
    with capture_logs() as logs:
        record_some(recording, range(20))
        recording.close()
    (error,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert "No space left" in error["why"]
    written = value(metrics, "frames_recorded_total", camera="c01")
    assert written + value(metrics, "frames_not_recorded_total", camera="c01", reason="stopped") == 20
    (recorded,) = read_detections(tmp_path / "detections", SITE)
    assert len(recorded.frames) == len(recorded.detections) == written < 20
    assert as_written(replayed(tmp_path), tmp_path) == live_rows(tmp_path)


def test_a_disk_that_does_not_keep_up_holds_nobody_up(tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    class HangingDisk(io.FileIO):
        def write(self, data: Any, /) -> int:
            released.wait(30)
            return super().write(data)

    monkeypatch.setattr("streams.recording_files.io.FileIO", HangingDisk)
    monkeypatch.setattr("streams.recording._WAITING", 5)
    recording = Recording(tmp_path, metrics)
    record_some(recording, range(20))
    assert value(metrics, "recording_failures_total", reason="slow") == 1
    released.set()
    recording.close()
    lost = value(metrics, "frames_not_recorded_total", camera="c01", reason="stopped")
    assert lost > 10
    assert lost + value(metrics, "frames_recorded_total", camera="c01") == 20


async def test_a_run_is_recorded_and_replayed(clip: Path, tmp_path: Path, metrics: Metrics) -> None:
    """From a video file through the whole fleet; the tracks as recorded tracks are the tracklets of the run."""
    camera = {"id": "c01", "url": str(clip), "realtime": False, "clock": {"offset": 0.25}}
    site = Site.model_validate({"site": "harbour", "cameras": [camera]})
    bus = MemoryBus()
    await bus.start()
    recording = Recording(tmp_path, metrics)
    workers = InferenceWorkers(1, metrics)
    fleet = Fleet(site, bus, Models(RedCarDetector(range(11, 13)), (), (), workers), metrics, recording=recording)
    await asyncio.wait_for(fleet.run(asyncio.Event()), 60)
    recording.close()
    workers.close()
    (recorded,) = read_detections(tmp_path / "detections", site)
    assert recorded.frames.numbers.tolist() == [number for number in range(1, 31) if number not in (12, 13)]
    rows = track_recorded(site.tracking, site.cameras[0], recorded).rows
    assert as_written(list(rows), tmp_path) == live_rows(tmp_path)
    assert {row.id for row in rows} == {1}
    records = [decode_record(record.value or b"") for record in bus.log("throughline.tracklets")]
    (closed,) = [record for record in records if isinstance(record, Tracklet) and record.state == "closed"]
    (track,) = read_recorded_tracks(tmp_path / "tracks", site)
    assert (track.tracklet.start, track.tracklet.end) == (closed.start, closed.end)
    assert track.tracklet.sightings == closed.sightings
    await bus.stop()
