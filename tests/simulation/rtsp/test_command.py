"""``python -m simulation.rtsp`` says when it is ready, serves, and stops when told to."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from simulation.rtsp.__main__ import main
from tests.support.rtsp_client import RtspClient


async def test_it_prints_one_line_when_ready_and_stops_by_a_signal(clip: Path) -> None:
    arguments = (
        f"c01={clip}",
        f"c02={clip}",
        "--port",
        "0",
        "--delay",
        "c02=4.0",
        "--clock-offset",
        "-100.25",
        "--loss",
        "c01=0.5",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulation.rtsp", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            ready = json.loads(await process.stdout.readline())
        first, second = ready["cameras"]["c01"], ready["cameras"]["c02"]
        assert second["epoch"] - first["epoch"] == 4_000_000
        assert (first["duration"], first["frames"], first["fps"], first["clock_offset"]) == (1.5, 30, 20.0, -100.25)
        assert first["url"] == f"rtsp://127.0.0.1:{ready['port']}/c01"
        async with RtspClient(second["url"]) as client:
            await client.play()
            assert (await client.packet())[0] == 1
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(60):
                rest, complaints = await process.communicate()
        assert (process.returncode, rest, complaints) == (0, b"", b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_takes_orders_and_lets_faults_happen(clip: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulation.rtsp", f"c01={clip}", "--port", "0", "--control", "--fault", "c01:loss=0.1@0"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        async with asyncio.timeout(60):
            await process.stdout.readline()
            process.stdin.write(b'{"fault": "c01:jitter=0.2"}\n\n{"status": true}\n')
            ordered, status = [json.loads(await process.stdout.readline()) for _ in range(2)]
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        assert (ordered["ok"], ordered["fault"]) == (True, "c01:jitter=0.2")
        assert status["cameras"]["c01"]["faults"] == ["c01:loss=0.1@0", "c01:jitter=0.2"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["c01=absent.mp4"], "absent.mp4: cannot be read as a video"),
        (["c01={clip}", "--loss", "c03=0.1"], "--loss: no camera is called c03; there are c01"),
        (["c01={clip}", "c01={clip}"], "two cameras have one name"),
        (["c01={clip}", "--user", "ann"], "--user: expected USER:PASSWORD"),
        (["c01={clip}", "--loss", "1.5"], "a loss of 1.5 is not a share"),
        (["c01={clip}", "--jitter", "-1"], "a jitter of -1 s is below 0"),
        (["c01={clip}", "--speed", "0"], "a speed of 0 is not above 0"),
        (["c01={clip}", "--fault", "c02:stall@3"], "no camera is called c02; there are c01"),
    ],
)
def test_wrong_use_gives_one_clear_line(
    arguments: list[str], complaint: str, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(clip=clip) for argument in arguments]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["c01"], "is not NAME=VALUE"),
        (["c01=x.mp4", "--loss", "c01=much"], "is neither a number nor CAMERA=NUMBER"),
        (["c01=x.mp4", "--fault", "c01:loss"], "loss needs a value"),
    ],
)
def test_arguments_of_the_wrong_form_are_explained(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
