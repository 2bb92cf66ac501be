"""Faults happen to live cameras when they were ordered, real clients see them, and they are counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from simulation.rtsp import RtspCamera, RtspServer
from simulation.rtsp.control import answer
from simulation.rtsp.disturbances import Disturbances
from simulation.rtsp.faults import FaultError, parse_fault
from tests.simulation.rtsp.test_server import read, sequence_numbers, until
from tests.support.clips import coded_picture, write_clip
from tests.support.rtsp_client import RtspClient

SPEED = 4.0
"""The clips' 20 frames a second come at 80, so that seconds of the cameras' time cost a quarter."""


@pytest.fixture(scope="module")
def larger_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames at 20 a second, twice as large as ``clip``."""
    pictures = [coded_picture(n).repeat(2, 0).repeat(2, 1) for n in range(30)]
    return write_clip(tmp_path_factory.mktemp("larger") / "clip.mp4", pictures, gop=5)


def sizes(url: str, enough: Callable[[list[tuple[int, int]]], bool]) -> list[tuple[int, int]]:
    """Plays until ``enough``; sizes of the pictures, and their times are known to ascend."""
    shown: list[tuple[int, int]] = []
    last = -1
    with av.open(
        url, options={"rtsp_transport": "tcp", "analyzeduration": "0", "probesize": "32"}, timeout=(20, 20)
    ) as container:
        for frame in container.decode(video=0):
            assert frame.pts is None or frame.pts > last
            last = frame.pts if frame.pts is not None else last
            shown.append((frame.width, frame.height))
            if enough(shown):
                break
    return shown


async def test_the_resolution_changes_in_the_middle_of_a_stream_and_back(clip: Path, larger_clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    server = RtspServer([camera], speed=SPEED)
    orders = [parse_fault(f"c01:resolution={larger_clip}@6+4")]
    async with server, Disturbances(server, orders):
        shown = await asyncio.to_thread(sizes, server.url("c01"), lambda seen: (320, 192) in seen and seen[-1] == (160, 96))
        changes = [size for size, before in zip(shown, [None, *shown], strict=False) if size != before]
    assert changes == [(160, 96), (320, 192), (160, 96)]
    assert camera.counts["switches"] == 2


async def test_a_clock_jumps_and_one_drifts_from_where_it_is(clip: Path) -> None:
    jumping, drifting = RtspCamera("jumping", clip), RtspCamera("drifting", clip)
    server = RtspServer([jumping, drifting], speed=SPEED)
    async with server, Disturbances(server) as disturbances:
        disturbances.order("jumping:clock_jump=5")
        disturbances.order("drifting:clock_drift=0.5@0+1")
        await until(lambda: not disturbances.active()["drifting"])
        gained = drifting.clock(0.0) - drifting.epoch
        shown = await asyncio.to_thread(read, server.url("jumping"), "tcp", 10)
        assert drifting.clock(0.0) - drifting.epoch == gained, "what was gained stays, and no more comes to it"
    assert 450_000 <= gained <= 1_500_000
    walls = np.array([item.wall for item in shown if item.wall is not None])
    fraction = (walls - jumping.epoch) / 1e6 - 5.0
    assert (fraction >= 0.0).all()
    assert fraction.max() < 600.0
    assert jumping.counts["clock_jumps"] == 1


@pytest.mark.parametrize("fault", ["missing", "garbage", "wrong"])
async def test_reports_go_wrong_and_pictures_come_all_the_same(fault: str, clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    server = RtspServer([camera], speed=SPEED)
    async with server, Disturbances(server) as disturbances:
        disturbances.order(f"c01:reports={fault}")
        shown = await asyncio.to_thread(read, server.url("c01"), "tcp", 45)
    assert camera.counts[f"reports_{fault}"] >= 2
    assert camera.counts["reports"] == 0
    walls = {item.wall for item in shown}
    if fault == "missing":
        assert walls == {None}
    elif fault == "wrong":
        errors = {round((item.wall - camera.epoch) / 1e6 / 600) for item in shown if item.wall is not None}
        assert errors, "times came"
        assert max(abs(error) for error in errors) <= 7


@pytest.mark.parametrize(("transport", "kept"), [("tcp", True), ("udp", False)])
async def test_jitter_comes_late_in_order_over_tcp_and_out_of_order_over_udp(
    transport: str, kept: bool, heavy_clip: Path
) -> None:
    camera = RtspCamera("c01", heavy_clip)
    server = RtspServer([camera], speed=SPEED)
    async with server, Disturbances(server, [parse_fault("c01:jitter=0.2")]), RtspClient(server.url("c01")) as client:
        if transport == "tcp":
            await client.play()
            numbers = await sequence_numbers(client, 12)
        else:
            arrivals: list[int] = []
            listening, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Numbers(arrivals), local_addr=("127.0.0.1", 0)
            )
            port = listening.get_extra_info("sockname")[1]
            setup = await client.request("SETUP", Transport=f"RTP/AVP;unicast;client_port={port}-{port + 1}")
            await client.request("PLAY", Session=setup.headers["session"].split(";")[0])
            await until(lambda: len(arrivals) > 300)
            listening.close()
            numbers = arrivals
    steps = np.diff(numbers)
    assert (steps == 1).all() if kept else (steps < 0).any(), "whether the order is kept"
    assert camera.counts["delayed"] > 0


class _Numbers(asyncio.DatagramProtocol):
    def __init__(self, arrivals: list[int]) -> None:
        self._arrivals = arrivals

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        number = int.from_bytes(data[2:4], "big")
        first = self._arrivals[0] if self._arrivals else number
        self._arrivals.append(first + (number - first + 32_768) % 65_536 - 32_768)


async def test_a_camera_that_is_away_lets_nobody_in_until_it_is_back(clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    server = RtspServer([camera], speed=SPEED)
    async with server, Disturbances(server) as disturbances:
        async with RtspClient(server.url("c01")) as client:
            await client.play()
            disturbances.order("*:disconnect@0+2")
            assert await client.is_cut_off()
        async with RtspClient(server.url("c01")) as client:
            assert (await client.request("DESCRIBE")).status == 503
            await until(lambda: not camera.away)
            assert (await client.request("DESCRIBE")).status == 200
    assert (camera.counts["cut_off"], camera.counts["refused"], camera.counts["fault_disconnect"]) == (1, 1, 1)


async def test_overlapping_faults_end_one_by_one_and_knobs_return_to_what_they_were(clip: Path) -> None:
    camera = RtspCamera("c01", clip, loss=0.01)
    server = RtspServer([camera], speed=SPEED)
    async with server, Disturbances(server) as disturbances:
        disturbances.order("c01:loss=0.2@0+3")
        disturbances.order("c01:loss=0.5@0+1")
        disturbances.order("c01:stall@0+1")
        assert camera.loss == 0.5
        await until(lambda: camera.loss == 0.2)
        await until(lambda: camera.loss == 0.01)
        assert disturbances.active() == {"c01": []}
        shown = await asyncio.to_thread(read, server.url("c01"), "tcp", 3)
    assert len(shown) >= 3, "the stall is over"


async def test_orders_at_run_time_are_answered_one_line_each(clip: Path) -> None:
    camera = RtspCamera("c01", clip)
    server = RtspServer([camera])
    async with server, Disturbances(server) as disturbances:

        def told(order: object) -> dict[str, object]:
            line = answer(order if isinstance(order, str) else json.dumps(order), server, disturbances)
            assert "\n" not in line
            reply: dict[str, object] = json.loads(line)
            return reply

        assert told({"fault": "c01:stall"})["ok"] is True
        status = told({"status": True})
        assert status["cameras"] == {"c01": {"viewers": 0, "faults": ["c01:stall"], "counts": {"fault_stall": 1}}}
        for order, complaint in (
            ({"fault": "c09:stall"}, "no camera is called c09; there are c01"),
            ({"fault": "c01:resolution=absent.mp4"}, "absent.mp4: cannot be read as a video"),
            ({"sing": "a song"}, "expected {"),
            ("{", "not a line of JSON"),
        ):
            reply = told(order)
            assert reply["ok"] is False
            assert complaint in str(reply["error"])


def test_faults_ordered_beforehand_are_checked_before_anything_is_served(clip: Path) -> None:
    server = RtspServer([RtspCamera("c01", clip)])
    with pytest.raises(FaultError, match="no camera is called c02; there are c01"):
        Disturbances(server, [parse_fault("c02:stall")])
    with pytest.raises(FaultError, match=r"absent.mp4: cannot be read as a video"):
        Disturbances(server, [parse_fault("c01:resolution=absent.mp4")])


async def test_at_twice_the_speed_clocks_and_pictures_go_twice_as_fast(clip: Path) -> None:
    zero = 1_700_000_000_000_000
    camera = RtspCamera("c01", clip, delay=0.5)
    async with RtspServer([camera], speed=2.0, zero=zero) as server:
        began, place = asyncio.get_running_loop().time(), server.seconds
        shown = await asyncio.to_thread(read, server.url("c01"), "tcp", 20)
        passed = asyncio.get_running_loop().time() - began
        assert server.seconds - place == pytest.approx(2 * passed, abs=0.1)
    assert camera.epoch == zero + 500_000
    walls = [item.wall for item in shown if item.wall is not None]
    assert walls[0] < zero + 60_000_000
    assert set(np.diff(walls)) <= {50_000, 49_999, 50_001}
    with pytest.raises(ValueError, match="speed of 0"):
        RtspServer([camera], speed=0.0)
