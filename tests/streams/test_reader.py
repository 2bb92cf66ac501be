from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest

from streams.mailbox import Mailbox
from streams.pressure import Pressure
from streams.reader import CameraReader
from streams.sources import FailureReason, Reading, SourceError
from tests.support.cameras import ScriptedSource, picture, until, value
from throughline.settings import CameraSettings, StreamSettings
from throughline.settings.pressure import PressureSettings, PressureStep
from throughline.telemetry.metrics import Metrics
from throughline.types import Frame


@pytest.fixture
def camera() -> CameraSettings:
    return CameraSettings(id="c01", url="rtsp://admin:hunter2@camera/1", fps=10)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


MakeReader = Callable[..., CameraReader]


@pytest.fixture
def make_reader(camera: CameraSettings, settings: StreamSettings, metrics: Metrics) -> MakeReader:
    def make(source: ScriptedSource, mailbox: Mailbox[Frame], pressure: Pressure | None = None) -> CameraReader:
        return CameraReader(camera, settings, lambda: source, mailbox, metrics, pressure)

    return make


async def drain(mailbox: Mailbox[Frame]) -> list[Frame]:
    frames = []
    while (frame := await mailbox.get()) is not None:
        frames.append(frame)
    return frames


async def test_it_reads_to_the_end_of_the_footage(make_reader: MakeReader, metrics: Metrics) -> None:
    source = ScriptedSource([[picture(n / 25) for n in range(50)]])
    mailbox: Mailbox[Frame] = Mailbox(lossless=True, capacity=2)
    reader = make_reader(source, mailbox)
    reader.start()
    frames = await drain(mailbox)
    assert reader.status().state == "ended"
    assert [frame.captured for frame in frames] == sorted({frame.captured for frame in frames})
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert value(metrics, "frames_decoded_total", camera="c01") == 50
    assert value(metrics, "frames_dropped_total", camera="c01", reason="rate") == 50 - len(frames)
    assert len(frames) in (20, 21)
    assert frames[-1].number > len(frames)  # numbers count decoded frames
    assert value(metrics, "camera_clock_source", camera="c01", source="file") == 1
    assert value(metrics, "camera_clock_source", camera="c01", source="arrival") == 0
    assert value(metrics, "camera_last_frame_timestamp_seconds", camera="c01") == pytest.approx(1_700_000_001.96)
    assert source.closed == 1
    assert await reader.stop()


async def test_it_comes_back_after_every_kind_of_failure(make_reader: MakeReader, metrics: Metrics) -> None:
    reasons: tuple[FailureReason, ...] = ("refused", "not_found", "timeout", "ended", "undecodable", "error")
    source = ScriptedSource([*([SourceError(reason, f"camera: {reason}")] for reason in reasons), [picture(0.0)]])
    mailbox: Mailbox[Frame] = Mailbox()
    reader = make_reader(source, mailbox)
    reader.start()
    assert len(await drain(mailbox)) == 1
    assert [value(metrics, "camera_reconnects_total", camera="c01", reason=reason) for reason in reasons] == [1] * 6
    assert reader.status().reconnects == 6
    assert reader.status().error is None
    assert source.closed == source.opened == 7
    assert len(source.users) == 1  # nobody but the decode thread touches a source
    await reader.stop()


async def test_it_says_what_it_cannot_get_over_without_credentials(make_reader: MakeReader) -> None:
    reader = make_reader(ScriptedSource([]), Mailbox())
    assert reader.status().state == "connecting"
    assert not reader.status().attempted
    reader.start()
    await until(lambda: reader.status().reconnects >= 3)
    status = reader.status()
    assert status.state == "reconnecting"
    assert status.attempted
    assert status.error is not None
    assert "refused" in status.error
    assert "hunter2" not in status.error
    assert await reader.stop()
    assert reader.status().state == "stopped"


async def test_damaged_and_standing_pictures_are_counted(make_reader: MakeReader, metrics: Metrics) -> None:
    steps = [picture(0.0), Reading(damaged=3), picture(0.0), picture(0.2)]
    mailbox: Mailbox[Frame] = Mailbox(lossless=True, capacity=8)
    reader = make_reader(ScriptedSource([steps]), mailbox)
    reader.start()
    assert len(await drain(mailbox)) == 2
    assert value(metrics, "frames_dropped_total", camera="c01", reason="damaged") == 3
    assert value(metrics, "frames_dropped_total", camera="c01", reason="clock") == 1
    await reader.stop()


async def test_a_full_mailbox_drops_the_oldest_and_counts_it(make_reader: MakeReader, metrics: Metrics) -> None:
    mailbox: Mailbox[Frame] = Mailbox()
    reader = make_reader(ScriptedSource([[picture(n / 10) for n in range(10)]]), mailbox)
    reader.start()
    await until(lambda: reader.status().state == "ended")
    (frame,) = await drain(mailbox)
    assert frame.number == 9
    assert value(metrics, "frames_dropped_total", camera="c01", reason="busy") == 9
    await reader.stop()


async def test_under_pressure_frames_are_left_out_evenly_and_counted(make_reader: MakeReader, metrics: Metrics) -> None:
    """The step comes into force half way, because of frames that gave way to newer ones."""
    half = PressureSettings(steps=(PressureStep(name="half", analysed_rate=0.5),), over=1.0)
    pressure = Pressure("harbour", half, metrics, itertools.count(0.0, 0.1).__next__)
    script: list[Reading | SourceError | Callable[[], None]] = [picture(n / 10) for n in range(40)]
    script.insert(20, lambda: pressure.missed(20))
    mailbox: Mailbox[Frame] = Mailbox(lossless=True, capacity=40)
    reader = make_reader(ScriptedSource([script]), mailbox, pressure)
    for _ in range(11):
        pressure.analysed(0.0)
    reader.start()
    numbers = [frame.number for frame in await drain(mailbox)]
    assert numbers == [*range(20), *range(21, 40, 2)]
    assert value(metrics, "frames_dropped_total", camera="c01", reason="pressure") == 10
    assert value(metrics, "frames_dropped_total", camera="c01", reason="rate") == 0
    await reader.stop()


async def test_frames_that_give_way_are_told_to_whoever_watches_the_pressure(make_reader: MakeReader, metrics: Metrics) -> None:
    pressure = Pressure("harbour", PressureSettings(over=1.0), metrics, itertools.count(0.0).__next__)
    reader = make_reader(ScriptedSource([[picture(n / 10) for n in range(12)]]), Mailbox(), pressure)
    reader.start()
    await until(lambda: reader.status().state == "ended")
    assert value(metrics, "pressure_changes_total", site="harbour", step="fewer-looks", change="taken") == 1
    await reader.stop()


async def test_a_blocked_read_is_seen_as_a_stall_and_left_behind_on_shutdown(make_reader: MakeReader) -> None:
    free = threading.Event()

    def block() -> None:
        free.wait(60)

    source = ScriptedSource([[picture(0.0), block, picture(0.1)]])
    reader = make_reader(source, Mailbox())
    reader.start()
    await until(lambda: reader.status().state == "live")
    await until(lambda: reader.status().state == "stalled")
    assert not await reader.stop()
    assert source.closed == 0  # never from another thread
    assert reader.status().state == "stopped"
    free.set()
    await until(lambda: source.closed == 1)


async def test_waiting_for_a_slow_consumer_is_no_stall(make_reader: MakeReader, settings: StreamSettings) -> None:
    mailbox: Mailbox[Frame] = Mailbox(lossless=True, capacity=1)
    reader = make_reader(ScriptedSource([[picture(n / 10) for n in range(5)]]), mailbox)
    reader.start()
    await until(lambda: reader.status().decoded == 2)
    waited = threading.Event()
    threading.Timer(1.5 * settings.read_timeout, waited.set).start()
    await until(waited.is_set)
    assert reader.status().state == "live"
    assert await reader.stop()


async def test_an_unexpected_error_ends_the_thread_and_is_handed_on(make_reader: MakeReader) -> None:
    def break_down() -> None:
        raise RuntimeError("rtsp://admin:hunter2@camera/1 broke")

    mailbox: Mailbox[Frame] = Mailbox()
    source = ScriptedSource([[picture(0.0), break_down]])
    reader = make_reader(source, mailbox)
    reader.start()
    assert len(await drain(mailbox)) == 1
    assert isinstance(reader.crash, RuntimeError)
    status = reader.status()
    assert status.state == "stopped"
    assert status.error == "RuntimeError: rtsp://***@camera/1 broke"
    assert source.closed == 1
    await reader.stop()
