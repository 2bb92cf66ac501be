"""Cameras play live: FFmpeg reads them with the right clock, and each fault does what it says."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from simulation.rtsp import Authorisation, RtspCamera, RtspServer
from tests.support.clips import read_code
from tests.support.rtsp_client import RtpPacket, RtspClient
from throughline.times import Instant


class Shown(NamedTuple):
    pts: int
    code: int
    wall: Instant | None
    """The camera's clock by its reports."""


def read(url: str, transport: str, count: int) -> list[Shown]:
    """Plays until ``count`` pictures have been decoded."""
    shown: list[Shown] = []
    walls: dict[int, Instant] = {}
    with av.open(
        url, options={"rtsp_transport": transport, "analyzeduration": "0", "probesize": "32"}, timeout=(20, 20)
    ) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None and packet.has_sidedata("prft"):
                walls[packet.pts] = int.from_bytes(bytes(packet.get_sidedata("prft"))[:8], "little", signed=True)
            shown += [
                Shown(frame.pts, read_code(frame.to_ndarray(format="bgr24")), walls.get(frame.pts))
                for frame in packet.decode()
                if frame.pts is not None
            ]
            if len(shown) >= count:
                break
    return shown


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("which", ["clip", "reordered_clip"])
async def test_ffmpeg_sees_even_times_over_loops_and_the_camera_s_clock(
    which: str, transport: str, request: pytest.FixtureRequest
) -> None:
    clip: Path = request.getfixturevalue(which)
    ahead = RtspCamera("ahead", clip, clock_offset=-100.25, delay=0.7)
    true = RtspCamera("true", clip)
    async with RtspServer([ahead, true]) as server:
        views = await asyncio.gather(
            *(asyncio.to_thread(read, server.url(camera.name), transport, 50) for camera in (ahead, true))
        )
    assert ahead.epoch - true.epoch == 700_000
    for camera, shown in zip((ahead, true), views, strict=True):
        steps = np.diff([item.pts for item in shown])
        assert (steps > 0).all()
        if transport == "tcp":
            assert (steps == 4500).all(), "a break at the loop's end"
        clocked = [item for item in shown if item.wall is not None]
        assert len(clocked) > 40
        for item in clocked:
            assert item.wall is not None
            since = (item.wall - camera.epoch) / 1e6 - camera.clock_offset
            number = since * camera.footage.fps
            assert abs(number - round(number)) < 0.001 * camera.footage.fps, "more than a millisecond off"
            if transport == "tcp":
                assert item.code == round(number) % 30, "the clock belongs to another picture"


async def test_a_drifting_clock_is_reported_as_it_drifts(clip: Path) -> None:
    camera = RtspCamera("c01", clip, clock_drift=0.01)
    async with RtspServer([camera]) as server:
        shown = await asyncio.to_thread(read, server.url("c01"), "tcp", 65)
    seconds = np.array([(item.wall - camera.epoch) / 1e6 for item in shown if item.wall is not None])
    # Between two reports the receiver goes on with the first one's mapping, so what it sees gains in steps.
    gained = seconds / 1.01 * 20 - np.round(seconds / 1.01 * 20)
    assert abs(gained).max() < 0.01 * 2.1 * 20
    assert seconds[-1] - seconds[0] > (len(seconds) - 1) / 20 + 0.015


async def test_without_reports_nobody_knows_the_clock(clip: Path) -> None:
    async with RtspServer([RtspCamera("c01", clip, reports=False)]) as server:
        shown = await asyncio.to_thread(read, server.url("c01"), "tcp", 8)
    assert [item.wall for item in shown] == [None] * len(shown)


async def test_ffmpeg_can_log_in(clip: Path) -> None:
    async with RtspServer([RtspCamera("c01", clip)], authorisation=Authorisation("ann", "secret")) as server:
        shown = await asyncio.to_thread(read, server.url("c01").replace("//", "//ann:secret@"), "tcp", 3)
        assert len(shown) >= 3
        with pytest.raises(av.HTTPUnauthorizedError):
            await asyncio.to_thread(read, server.url("c01"), "tcp", 3)


async def test_viewers_of_one_camera_see_the_same_pictures_at_the_same_time(clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    async with RtspServer([camera]) as server:
        first, second = await asyncio.gather(*(asyncio.to_thread(read, server.url("c01"), "tcp", 20) for _ in range(2)))
    times = {item.wall: item.code for item in first}
    common = [item for item in second if item.wall in times]
    assert common
    assert all(times[item.wall] == item.code for item in common)


async def sequence_numbers(client: RtspClient, pictures: int) -> list[int]:
    """Sequence numbers of the packets that arrive up to the end of so many pictures, unwrapped."""
    numbers: list[int] = []
    while pictures:
        channel, data = await client.packet()
        if channel != 0:
            continue
        packet = RtpPacket.parse(data)
        previous = numbers[-1] if numbers else packet.sequence
        numbers.append(previous + (packet.sequence - previous) % 65_536)
        pictures -= packet.marker
    return numbers


async def test_the_loss_knob_loses_its_share_and_counts_it(heavy_clip: Path) -> None:
    camera = RtspCamera("c01", heavy_clip, loss=0.1)
    async with RtspServer([camera]) as server, RtspClient(server.url("c01")) as client:
        await client.play()
        numbers = await sequence_numbers(client, 25)
        camera.loss = 0.0
        await sequence_numbers(client, 2)  # what was sent before the knob was turned
        whole = await sequence_numbers(client, 5)
    expected = numbers[-1] - numbers[0] + 1
    assert expected > 500
    assert 0.06 < 1 - len(numbers) / expected < 0.14
    assert camera.counts["lost"] / (camera.counts["lost"] + camera.counts["sent"]) == pytest.approx(0.08, abs=0.06)
    assert whole == list(range(whole[0], whole[-1] + 1))


async def test_the_same_seed_loses_the_same_packets(clip: Path) -> None:
    async def lost(seed: int) -> list[int]:
        camera = RtspCamera("c01", clip, loss=0.3, seed=seed)
        async with RtspServer([camera]) as server, RtspClient(server.url("c01")) as client:
            await client.play()
            numbers = await sequence_numbers(client, 12)
        return [number - numbers[0] for number in numbers[:14]]

    first, again, other = await asyncio.gather(lost(1), lost(1), lost(2))
    assert first == again
    assert first != other


async def test_a_stalled_camera_is_silent_and_resumes_live_with_a_keyframe(clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    async with RtspServer([camera]) as server, RtspClient(server.url("c01")) as client:
        session = await client.play()
        await sequence_numbers(client, 3)
        camera.stall()
        sent = camera.counts["sent"]
        await asyncio.sleep(0.5)
        assert camera.counts["sent"] == sent
        assert (await client.request("GET_PARAMETER", Session=session)).status == 200
        client.packets.clear()
        camera.resume()
        channel, data = await client.packet()
        while channel != 0:
            channel, data = await client.packet()
        assert RtpPacket.parse(data).payload[0] & 31 == 7
    assert camera.counts["skipped"] == 0


async def test_a_camera_that_was_held_up_goes_on_live(clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    async with RtspServer([camera]) as server, RtspClient(server.url("c01")) as client:
        await client.play()
        await sequence_numbers(client, 3)
        time.sleep(1.5)  # noqa: ASYNC251 - the whole process is held up, as by a signal
        await until(lambda: camera.counts["skipped"] > 0)
        assert 20 <= camera.counts["skipped"] < 120
        await sequence_numbers(client, 5)


async def test_disconnect_cuts_viewers_off_and_they_may_come_back(clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    async with RtspServer([camera]) as server:
        for transport in ("tcp", "udp"):
            async with RtspClient(server.url("c01")) as client:
                if transport == "tcp":
                    await client.play()
                else:
                    setup = await client.request("SETUP", Transport="RTP/AVP;unicast;client_port=40000-40001")
                    await client.request("PLAY", Session=setup.headers["session"].split(";")[0])
                camera.disconnect()
                assert camera.viewers == 0
                assert await client.is_cut_off()


async def test_a_client_that_vanishes_is_forgotten(clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    async with RtspServer([camera]) as server:
        async with RtspClient(server.url("c01")) as staying:
            await staying.play()
            async with RtspClient(server.url("c01")) as vanishing:
                await vanishing.play()
                assert camera.viewers == 2
            await until(lambda: camera.viewers == 1)
            await sequence_numbers(staying, 5)
        await until(lambda: camera.viewers == 0)


async def test_a_slow_client_loses_pictures_which_are_counted_and_others_do_not(heavy_clip: Path) -> None:
    camera = RtspCamera("c01", heavy_clip)
    async with (
        RtspServer([camera], buffer=50_000) as server,
        RtspClient(server.url("c01"), receive_buffer=4096) as slow,
        RtspClient(server.url("c01")) as quick,
    ):
        await slow.play()
        await quick.play()
        quick_numbers: list[int] = []
        async with asyncio.timeout(60):
            while not camera.counts["dropped"]:
                quick_numbers += await sequence_numbers(quick, 1)
        assert quick_numbers == list(range(quick_numbers[0], quick_numbers[-1] + 1))

        # Once it reads again it sees a gap in the numbers, and goes on with a keyframe.
        previous: RtpPacket | None = None
        async with asyncio.timeout(60):
            while True:
                channel, data = await slow.packet()
                if channel != 0:
                    continue
                packet = RtpPacket.parse(data)
                if previous is not None and (packet.sequence - previous.sequence) % 65_536 != 1:
                    break
                previous = packet
        assert previous is not None
        assert previous.marker
        assert packet.payload[0] & 31 == 7


async def test_time_without_viewers_costs_no_pictures_and_the_timeline_goes_on(clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    async with RtspServer([camera]) as server:
        await asyncio.sleep(0.3)
        assert not camera.counts
        shown = await asyncio.to_thread(read, server.url("c01"), "tcp", 3)
    first = next(item.wall for item in shown if item.wall is not None)
    assert first - camera.epoch >= 250_000


async def test_two_servers_cannot_have_one_port_and_closing_gives_it_back(clip: Path) -> None:
    async with RtspServer([RtspCamera("c01", clip)]) as server:
        with pytest.raises(OSError, match="address already in use"):
            async with RtspServer([RtspCamera("c01", clip)], port=server.port):
                pass
        async with RtspClient(server.url("c01")) as client:
            await client.play()
            port = server.port
            await server.__aexit__(None, None, None)
            assert await client.is_cut_off()
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


def test_wrong_knobs_are_refused(clip: Path) -> None:
    with pytest.raises(ValueError, match="loss of 2"):
        RtspCamera("c01", clip, loss=2)
    with pytest.raises(ValueError, match="name in a URL"):
        RtspCamera("a/b", clip)
    with pytest.raises(ValueError, match="one name"):
        RtspServer([RtspCamera("c01", clip), RtspCamera("c01", clip)])
