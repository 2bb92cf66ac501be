"""What a reader makes of cameras that go wrong in front of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from simulation.rtsp import RtspCamera, RtspServer
from simulation.rtsp.disturbances import Disturbances
from streams.mailbox import Mailbox
from streams.reader import CameraReader
from streams.sources import source_of
from tests.support.cameras import value
from tests.support.clips import coded_picture, write_clip
from throughline.settings import CameraSettings, StreamSettings
from throughline.telemetry.metrics import Metrics
from throughline.times import to_instant
from throughline.types import ClockSource, Frame

SPEED = 4.0


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """1.5 s at 20 frames a second in two sizes."""
    folder = tmp_path_factory.mktemp("clips")
    pictures = [coded_picture(number) for number in range(30)]
    larger = [picture.repeat(2, 0).repeat(2, 1) for picture in pictures]
    return write_clip(folder / "small.mp4", pictures, gop=5), write_clip(folder / "large.mp4", larger, gop=5)


class Seen(NamedTuple):
    """What came of a camera."""

    frames: list[Frame]
    metrics: Metrics
    camera: RtspCamera


CLOCKS = {"clock_jump=7200@1+4": True, "clock_jump=-60@1+4": True, "reports=missing@1+4": False}
"""Faults of clocks, and whether the camera's time is refused meanwhile."""


@pytest.fixture(scope="module")
def seen(clips: tuple[Path, Path]) -> dict[str, Seen]:
    """What came of one camera for each fault, all at once: most of the time is waiting for what their clocks show."""
    faults = [*CLOCKS, f"resolution={clips[1]}@1+4"]

    async def all_of_them() -> list[Seen]:
        return await asyncio.gather(*(watched(fault, clips[0], 10.0) for fault in faults))

    return dict(zip([*CLOCKS, "resolution"], asyncio.run(all_of_them()), strict=True))


async def watched(fault: str, clip: Path, seconds: float) -> Seen:
    """``seconds`` of the camera's time, in which ``fault`` happens; its clock begins an hour ago."""
    metrics, mailbox, frames = Metrics(), Mailbox[Frame](lossless=True, capacity=8), list[Frame]()
    camera = RtspCamera("c01", clip)
    server = RtspServer([camera], speed=SPEED, zero=to_instant(time.time() - 3600.0))
    async with server, Disturbances(server) as disturbances:
        settings = CameraSettings(id="c01", url=server.url("c01"), fps=20)
        reader = CameraReader(settings, StreamSettings(), lambda: source_of(settings, StreamSettings(), 0), mailbox, metrics)
        reader.start()
        try:
            while server.seconds < seconds and (frame := await mailbox.get()) is not None:
                if not frames:
                    disturbances.order(f"c01:{fault}")
                frames.append(frame)
        finally:
            await reader.stop()
    return Seen(frames, metrics, camera)


@pytest.mark.parametrize("fault", CLOCKS)
def test_a_clock_that_leaves_the_time_is_not_followed_and_is_believed_again_later(fault: str, seen: dict[str, Seen]) -> None:
    frames, metrics, _ = seen[fault]
    times = [frame.captured for frame in frames]
    assert times == sorted(set(times))
    assert times[-1] - times[0] < 60_000_000, "no frame is taken for one of another hour"
    assert (value(metrics, "camera_clock_refusals_total", camera="c01") > 0) is CLOCKS[fault]
    assert (ClockSource.ARRIVAL in {frame.clock for frame in frames}) is CLOCKS[fault]
    assert frames[-1].clock is ClockSource.RTCP


def test_pictures_of_another_size_come_through_the_same_connection(seen: dict[str, Seen]) -> None:
    frames, metrics, camera = seen["resolution"]
    widths = [frame.image.shape[1] for frame in frames]
    assert [width for width, before in zip(widths, [0, *widths], strict=False) if width != before] == [160, 320, 160]
    assert value(metrics, "camera_reconnects_total", camera="c01", reason="ended") == 0
    assert camera.counts["switches"] == 2
