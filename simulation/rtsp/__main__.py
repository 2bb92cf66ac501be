"""``python -m simulation.rtsp --port 8554 c01=a.mp4 c02=b.mp4``: serves cameras until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulation.rtsp.authorisation import Authorisation
from simulation.rtsp.camera import RtspCamera
from simulation.rtsp.control import CONTROL_HELP, answer
from simulation.rtsp.disturbances import Disturbances
from simulation.rtsp.faults import FAULT_HELP, Fault, FaultError, parse_fault
from simulation.rtsp.footage import FootageError
from simulation.rtsp.server import RtspServer

__all__ = ["main"]


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _per_camera(text: str) -> tuple[str | None, float]:
    """A number for all cameras, or NAME=NUMBER for one."""
    name, equals, value = text.rpartition("=")
    try:
        return (name if equals else None), float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor CAMERA=NUMBER") from None


def _fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulation.rtsp",
        description="Serves H.264 files as live cameras that loop without a break. When ready it prints one line of JSON: the "
        "port, and for each camera its url, epoch (microseconds since 1970 at footage time zero of loop 0), duration of a loop "
        "in seconds, frames in a loop and fps. Frame f of loop k is captured at epoch + k * duration + f / fps; the camera's "
        "clock shows that plus its offset. At a speed other than 1 these are times by the cameras' clocks.",
    )
    parser.add_argument("cameras", nargs="+", type=_named, metavar="NAME=FILE", help="a camera and its footage")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8554, help="port to listen on, 0: any free one (default: %(default)s)")
    for option, text in (
        ("--loss", "share of RTP packets lost on the way"),
        ("--jitter", "seconds, at most, by which packets come late"),
        ("--clock-offset", "seconds by which the camera's clock is ahead"),
        ("--clock-drift", "seconds a second by which it gains"),
        ("--delay", "seconds after time zero at which its footage starts"),
    ):
        parser.add_argument(
            option,
            type=_per_camera,
            action="append",
            default=[],
            metavar="[NAME=]NUMBER",
            help=f"{text}; for all cameras, or for one",
        )
    parser.add_argument("--seed", type=int, default=0, help="decides which packets are lost, or late (default: %(default)s)")
    parser.add_argument("--no-reports", action="store_true", help="send no RTCP reports: viewers cannot know the cameras' clocks")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster time passes for the cameras (default: 1)")
    parser.add_argument(
        "--zero", type=int, metavar="INSTANT", help="what their clocks show at time zero, microseconds since 1970 (default: now)"
    )
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="FAULT", help=f"{FAULT_HELP}. May be repeated"
    )
    parser.add_argument("--control", action="store_true", help=CONTROL_HELP)
    parser.add_argument("--user", metavar="USER:PASSWORD", help="let in only this user, by Digest authorisation")
    return parser


def _cameras(arguments: argparse.Namespace) -> list[RtspCamera]:
    names = [name for name, _ in arguments.cameras]

    def knob(option: str) -> dict[str, float]:
        values = dict.fromkeys(names, 0.0)
        for name, value in getattr(arguments, option):
            if name is not None and name not in values:
                raise ValueError(f"--{option.replace('_', '-')}: no camera is called {name}; there are {', '.join(names)}")
            values |= dict.fromkeys(names, value) if name is None else {name: value}
        return values

    loss, jitter, offset, drift, delay = (knob(option) for option in ("loss", "jitter", "clock_offset", "clock_drift", "delay"))
    return [
        RtspCamera(
            name,
            Path(path),
            loss=loss[name],
            jitter=jitter[name],
            seed=arguments.seed,
            clock_offset=offset[name],
            clock_drift=drift[name],
            delay=delay[name],
            reports=not arguments.no_reports,
        )
        for name, path in arguments.cameras
    ]


def _description(server: RtspServer, cameras: Sequence[RtspCamera]) -> dict[str, Any]:
    return {
        "port": server.port,
        "started": server.started,
        "zero": server.zero,
        "speed": server.speed,
        "cameras": {
            camera.name: {
                "url": server.url(camera.name),
                "epoch": camera.epoch,
                "duration": camera.footage.seconds,
                "frames": len(camera.footage.units),
                "fps": camera.footage.fps,
                "clock_offset": camera.clock_offset,
                "clock_drift": camera.clock_drift,
            }
            for camera in cameras
        },
    }


async def _serve(server: RtspServer, cameras: Sequence[RtspCamera], disturbances: Disturbances, *, control: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server, disturbances:
        _tell(json.dumps(_description(server, cameras)))
        obeying = asyncio.create_task(_obey(server, disturbances)) if control else None
        await stop.wait()
        if obeying is not None:
            obeying.cancel()


async def _obey(server: RtspServer, disturbances: Disturbances) -> None:
    """Carries out the orders on stdin until it is closed."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line.strip():
            _tell(answer(line.decode(errors="replace"), server, disturbances))


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the server.

    Returns:
        Exit code: 0 stopped by a signal, 2 wrong use or a file that cannot be served.
    """
    arguments = _parser().parse_args(argv)
    try:
        user, colon, password = (arguments.user or "").partition(":")
        if arguments.user and not colon:
            raise ValueError("--user: expected USER:PASSWORD")
        cameras = _cameras(arguments)
        authorisation = Authorisation(user, password) if arguments.user else None
        server = RtspServer(
            cameras,
            host=arguments.host,
            port=arguments.port,
            authorisation=authorisation,
            speed=arguments.speed,
            zero=arguments.zero,
        )
        asyncio.run(_serve(server, cameras, Disturbances(server, arguments.fault), control=arguments.control))
    except (FootageError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
