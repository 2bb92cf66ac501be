"""The contract of `FrameSource`, held by every implementation that can be had without a device, and each one's own rules."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from simulation.rtsp.authorisation import Authorisation
from simulation.rtsp.camera import RtspCamera
from simulation.rtsp.footage import Footage
from simulation.rtsp.server import RtspServer
from streams.sources import FileSource, FrameSource, Picture, RtspSource, SourceError, WebcamSource, source_of
from tests.streams.conftest import CLIP_FPS, CLIP_FRAMES, CLIP_SIZE, number_in, write_clip
from throughline.settings import CameraSettings, StreamSettings
from throughline.times import after, seconds_between, to_instant
from throughline.types import ClockSource, host_image

MakeCamera = Callable[..., CameraSettings]
MakeSource = Callable[[], FrameSource]


def now() -> int:
    return to_instant(time.time())


def collect(source: FrameSource, count: int, *, seconds: float = 20.0) -> list[Picture]:
    """Opens, takes pictures until there are ``count``, and closes."""
    deadline = time.monotonic() + seconds
    pictures: list[Picture] = []
    source.open()
    try:
        for reading in source.readings():
            pictures += reading.pictures
            if len(pictures) >= count or time.monotonic() > deadline:
                break
    finally:
        source.close()
    return pictures[:count]


def failed(source: FrameSource) -> SourceError:
    """The error of a source that gives none of its pictures."""
    with pytest.raises(SourceError) as caught:
        collect(source, 10_000)
    return caught.value


@pytest.fixture
async def server(clip: Path) -> AsyncIterator[RtspServer]:
    async with RtspServer([RtspCamera("c01", clip)]) as server:
        yield server


@pytest.fixture(params=["file", "rtsp-tcp", "rtsp-udp"])
async def make_source(
    request: pytest.FixtureRequest, clip: Path, server: RtspServer, settings: StreamSettings, make_camera: MakeCamera
) -> MakeSource:
    def make() -> FrameSource:
        kind, _, transport = request.param.partition("-")
        camera = make_camera(clip) if kind == "file" else make_camera(server.url("c01"), transport=transport)
        return source_of(camera, settings, now())

    return make


class TestContract:
    async def test_pictures_come_whole_in_order_and_in_real_time(self, make_source: MakeSource) -> None:
        began = now()
        pictures = await asyncio.to_thread(collect, make_source(), 12)
        assert len(pictures) == 12
        assert {picture.size for picture in pictures} == {CLIP_SIZE}
        numbers = [number_in(host_image(picture.to_bgr())) for picture in pictures]
        assert all((b - a) % CLIP_FRAMES == 1 for a, b in pairwise(numbers))
        times = [picture.timing.stream_time for picture in pictures[1:]]
        steps = [b - a for a, b in pairwise(time for time in times if time is not None)]
        assert steps == pytest.approx([1 / CLIP_FPS] * 10, abs=0.001)
        arrivals = [picture.timing.arrival for picture in pictures]
        assert arrivals == sorted(arrivals)
        assert began <= arrivals[0]
        assert seconds_between(arrivals[0], arrivals[-1]) > 0.8

    async def test_pictures_are_bgr(self, make_source: MakeSource) -> None:
        (picture,) = await asyncio.to_thread(collect, make_source(), 1)
        image = host_image(picture.to_bgr())
        assert image.shape == (CLIP_SIZE[1], CLIP_SIZE[0], 3)
        assert image.dtype == np.uint8
        left = number_in(image) * 8
        assert image[95, left + 30] == pytest.approx([40, 40, 220], abs=25)

    async def test_it_can_be_opened_again(self, make_source: MakeSource) -> None:
        source = make_source()
        assert len(await asyncio.to_thread(collect, source, 2)) == 2
        source.close()
        assert len(await asyncio.to_thread(collect, source, 2)) == 2

    async def test_the_user_is_asked_back_often(self, make_source: MakeSource) -> None:
        """So that a stop flag is seen: no step takes much longer than the frames are apart."""

        def steps() -> int:
            source = make_source()
            source.open()
            try:
                for count, _ in enumerate(source.readings()):
                    if count == 20:
                        return count
            finally:
                source.close()
            return 0

        assert await asyncio.to_thread(steps) == 20


class TestRtsp:
    @pytest.mark.parametrize("transport", ["tcp", "udp"])
    async def test_capture_times_are_the_cameras_own(
        self, clip: Path, settings: StreamSettings, make_camera: MakeCamera, transport: str
    ) -> None:
        camera = RtspCamera("c01", clip, clock_offset=-100.25)
        async with RtspServer([camera]) as server:
            source = RtspSource(make_camera(server.url("c01"), transport=transport), settings)
            pictures = await asyncio.to_thread(collect, source, 15)
        for picture in pictures:
            timing = picture.timing
            assert timing.source is ClockSource.RTCP
            assert timing.known is not None
            taken = after(timing.known, 100.25)
            assert 0.0 < seconds_between(taken, timing.arrival) < 5.0
            position = seconds_between(camera.epoch, taken) * CLIP_FPS
            assert position == pytest.approx(round(position), abs=0.02)  # of a frame
            assert round(position) % CLIP_FRAMES == number_in(host_image(picture.to_bgr()))

    async def test_without_reports_only_the_arrival_is_known(
        self, clip: Path, settings: StreamSettings, make_camera: MakeCamera
    ) -> None:
        async with RtspServer([RtspCamera("c01", clip, reports=False)]) as server:
            pictures = await asyncio.to_thread(collect, RtspSource(make_camera(server.url("c01")), settings), 5)
        assert {picture.timing.source for picture in pictures} == {ClockSource.ARRIVAL}
        assert {picture.timing.known for picture in pictures} == {None}

    async def test_pictures_with_lost_parts_are_counted_and_not_given(
        self, clip: Path, settings: StreamSettings, make_camera: MakeCamera
    ) -> None:
        async with RtspServer([RtspCamera("c01", clip, loss=0.1, seed=1)]) as server:
            source = RtspSource(make_camera(server.url("c01"), transport="udp"), settings)

            def count() -> tuple[int, int]:
                whole = damaged = 0
                source.open()
                for reading in source.readings():
                    whole += len(reading.pictures)
                    damaged += reading.damaged
                    if whole >= 20 and damaged:
                        break
                source.close()
                return whole, damaged

            whole, damaged = await asyncio.wait_for(asyncio.to_thread(count), 30)
        assert whole >= 20
        assert damaged >= 1

    async def test_a_refused_connection(self, settings: StreamSettings, make_camera: MakeCamera) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"rtsp://admin:hunter2@127.0.0.1:{unused.getsockname()[1]}/1"
            error = await asyncio.to_thread(failed, RtspSource(make_camera(url), settings))
        assert error.reason == "refused"
        assert "hunter2" not in str(error)
        assert "127.0.0.1" in str(error)

    async def test_a_camera_that_does_not_exist(
        self, server: RtspServer, settings: StreamSettings, make_camera: MakeCamera
    ) -> None:
        error = await asyncio.to_thread(failed, RtspSource(make_camera(server.url("c01") + "99"), settings))
        assert error.reason == "not_found"

    async def test_wrong_credentials(self, clip: Path, settings: StreamSettings, make_camera: MakeCamera) -> None:
        async with RtspServer([RtspCamera("c01", clip)], authorisation=Authorisation("admin", "right")) as server:
            right = server.url("c01").replace("rtsp://", "rtsp://admin:right@")
            wrong = server.url("c01").replace("rtsp://", "rtsp://admin:wrong@")
            error = await asyncio.to_thread(failed, RtspSource(make_camera(wrong), settings))
            assert len(await asyncio.to_thread(collect, RtspSource(make_camera(right), settings), 1)) == 1
        assert error.reason == "error"
        assert "credentials" in str(error)
        assert "wrong@" not in str(error)

    async def test_a_server_that_accepts_and_says_nothing(self, settings: StreamSettings, make_camera: MakeCamera) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            error = await asyncio.to_thread(failed, RtspSource(make_camera(f"rtsp://127.0.0.1:{port}/1"), settings))
        assert error.reason == "timeout"

    @pytest.mark.parametrize("transport", ["tcp", "udp"])
    async def test_a_camera_that_falls_silent(
        self, server: RtspServer, settings: StreamSettings, make_camera: MakeCamera, transport: str
    ) -> None:
        source = RtspSource(make_camera(server.url("c01"), transport=transport), settings)
        reading = asyncio.create_task(asyncio.to_thread(failed, source))
        while not server.camera("c01").counts["sent"]:  # noqa: ASYNC110 - the camera has no event to wait for
            await asyncio.sleep(0.02)
        server.camera("c01").stall()
        assert (await asyncio.wait_for(reading, 30)).reason == "timeout"

    async def test_a_camera_that_hangs_up(self, server: RtspServer, settings: StreamSettings, make_camera: MakeCamera) -> None:
        reading = asyncio.create_task(asyncio.to_thread(failed, RtspSource(make_camera(server.url("c01")), settings)))
        while not server.camera("c01").counts["sent"]:  # noqa: ASYNC110 - the camera has no event to wait for
            await asyncio.sleep(0.02)
        server.camera("c01").disconnect()
        assert (await asyncio.wait_for(reading, 30)).reason == "ended"

    async def test_a_stream_of_garbage_is_undecodable(
        self, clip: Path, settings: StreamSettings, make_camera: MakeCamera
    ) -> None:
        footage = Footage.load(clip)
        noise = np.random.default_rng(0)
        rubbish = tuple(
            replace(unit, keyframe=True, nals=(b"\x65" + noise.integers(0, 256, 900, dtype=np.uint8).tobytes(),))
            for unit in footage.units
        )
        hasty = replace(footage, units=rubbish, tick=footage.tick / 50)  # 500 a second: the test need not wait
        async with RtspServer([RtspCamera("c01", hasty)]) as server:
            error = await asyncio.to_thread(failed, RtspSource(make_camera(server.url("c01")), settings))
        assert error.reason == "undecodable"
        assert "c01" in str(error)


class TestFile:
    def test_the_position_is_the_time(self, clip: Path, make_camera: MakeCamera) -> None:
        start = 1_700_000_000_000_000
        pictures = collect(FileSource(make_camera(clip, realtime=False), start), CLIP_FRAMES)
        assert [number_in(host_image(picture.to_bgr())) for picture in pictures] == list(range(CLIP_FRAMES))
        assert [picture.timing.known for picture in pictures] == [after(start, n / CLIP_FPS) for n in range(CLIP_FRAMES)]
        assert {picture.timing.source for picture in pictures} == {ClockSource.FILE}

    def test_without_pace_it_ends_by_itself(self, clip: Path, make_camera: MakeCamera) -> None:
        assert len(collect(FileSource(make_camera(clip, realtime=False), now()), 1000)) == CLIP_FRAMES

    def test_a_loop_goes_on_in_time(self, clip: Path, make_camera: MakeCamera) -> None:
        pictures = collect(FileSource(make_camera(clip, realtime=False, loop=True), 0), 3 * CLIP_FRAMES)
        assert [picture.timing.known for picture in pictures] == [after(0, n / CLIP_FPS) for n in range(3 * CLIP_FRAMES)]

    def test_a_recording_that_opens_late_does_not_hurry(self, clip: Path, make_camera: MakeCamera) -> None:
        began = now()
        (first,) = collect(FileSource(make_camera(clip), after(began, -60.0)), 1)
        assert first.timing.known is not None
        assert first.timing.known >= began

    def test_streams_without_times_run_at_their_rate(self, clip: Path, tmp_path: Path, make_camera: MakeCamera) -> None:
        raw = write_clip(tmp_path / "clip.h264", frames=10)
        pictures = collect(FileSource(make_camera(raw, realtime=False), 0), 100)
        assert len(pictures) == 10
        times = [picture.timing.known for picture in pictures]
        steps = {seconds_between(a, b) for a, b in pairwise(time for time in times if time is not None)}
        assert len(steps) == 1

    def test_other_codecs_are_read_as_well(self, tmp_path: Path, make_camera: MakeCamera) -> None:
        other = write_clip(tmp_path / "clip.avi", frames=10, codec="mpeg4")
        assert len(collect(FileSource(make_camera(other, realtime=False), 0), 100)) == 10

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (None, "not_found"),
            (b"", "undecodable"),
            (b"not a video\n" * 500, "undecodable"),
            (bytes(range(256)) * 50, "undecodable"),
        ],
    )
    def test_what_is_no_video_is_told_apart(
        self, tmp_path: Path, make_camera: MakeCamera, content: bytes | None, reason: str
    ) -> None:
        path = tmp_path / "clip.mp4"
        if content is not None:
            path.write_bytes(content)
        error = failed(FileSource(make_camera(path), now()))
        assert error.reason == reason
        assert "clip.mp4" in str(error)

    def test_damage_in_the_middle_costs_only_what_it_hits(self, clip: Path, tmp_path: Path, make_camera: MakeCamera) -> None:
        data = bytearray(clip.read_bytes())
        start = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
        data[start : start + 3000] = bytes(3000)
        path = tmp_path / "damaged.mp4"
        path.write_bytes(data)
        source = FileSource(make_camera(path, realtime=False), 0)
        source.open()
        readings = list(source.readings())
        source.close()
        whole = sum(len(reading.pictures) for reading in readings)
        assert sum(reading.damaged for reading in readings) >= 1
        assert 15 <= whole < CLIP_FRAMES

    def test_a_file_without_video_is_refused(self, tmp_path: Path, make_camera: MakeCamera) -> None:
        path = tmp_path / "tone.wav"
        with contextlib.closing(path.open("wb")) as file:
            samples = (np.sin(np.arange(8000) / 10) * 8000).astype("<i2").tobytes()
            header = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
            header += b"\x01\x00\x01\x00" + (8000).to_bytes(4, "little") + (16000).to_bytes(4, "little") + b"\x02\x00\x10\x00"
            file.write(header + b"data" + len(samples).to_bytes(4, "little") + samples)
        error = failed(FileSource(make_camera(path), now()))
        assert error.reason == "undecodable"
        assert "no video" in str(error)


class TestChoice:
    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("rtsp://10.0.0.1/1", RtspSource),
            ("rtsps://10.0.0.1/1", RtspSource),
            ("webcam:0", WebcamSource),
            ("clips/a.mp4", FileSource),
            ("file:///clips/a.mp4", FileSource),
        ],
    )
    def test_the_url_chooses(self, settings: StreamSettings, make_camera: MakeCamera, url: str, kind: type) -> None:
        assert type(source_of(make_camera(url), settings, 0)) is kind

    def test_a_camera_without_url_has_no_source(self, settings: StreamSettings) -> None:
        with pytest.raises(ValueError, match="c01 has no url"):
            source_of(CameraSettings(id="c01"), settings, 0)

    def test_a_webcam_that_is_not_there(self, settings: StreamSettings, make_camera: MakeCamera) -> None:
        assert failed(source_of(make_camera("webcam:93"), settings, 0)).reason in ("not_found", "error")
