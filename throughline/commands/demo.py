"""`throughline demo`: the whole product on this machine, on footage with known truth."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from throughline.cache import cache_folder
from throughline.commands._arguments import number_between
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import event_heading, print_json
from throughline.commands._report_file import report_path, write_report
from throughline.commands._shared_data import shared_data
from throughline.commands._tasks import stop_on_signals
from throughline.settings import Site, parse_site

__all__ = ["add_parser"]

_PORTS = {"kafka": 9094, "metrics": 9464, "search": 9470, "page": 8080}
_TRIED = 100


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("demo", help="run the whole product here, on footage with known truth")
    parser.add_argument(
        "--footage", choices=("auto", "city", "drawn", "real"), default="auto", help="default: the city, else real, else drawn"
    )
    parser.add_argument("--video-dir", type=Path, metavar="DIR", help="your own videos instead: each one becomes a camera")
    parser.add_argument(
        "--site", type=Path, help="site file for --video-dir: cameras named as the files, and the roads between them"
    )
    parser.add_argument("--cameras", type=int, choices=range(1, 5), metavar="N", help="so many of the city's 4 cameras")
    parser.add_argument(
        "--minutes",
        type=number_between(0.05, 1440),
        help="how much of the footage counts; it loops (default: what there is of it)",
    )
    parser.add_argument(
        "--speed",
        type=number_between(0.25, 8),
        default=1.0,
        help="how much faster than it happened (default: 1); analysing costs as much more",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    parser.add_argument(
        "--report", type=report_path, metavar="FILE", help="where the report goes, .html or .md (default: the cache)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end; everything else goes to stderr")
    for name, what in (
        ("page", "where the page with pictures and matches is"),
        ("kafka", "where your own Kafka client can read along"),
        ("metrics", "where Prometheus finds /metrics"),
        ("search", "where searches are served"),
    ):
        parser.add_argument(f"--{name}-port", type=int, help=f"{what} (default: {_PORTS[name]}, or the next that is free)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from throughline.commands._demo_screen import Screen

    if options.site is not None and options.video_dir is None:
        raise CommandError("--site goes with --video-dir: the other footage knows its site", BAD_INPUT)
    if options.video_dir is not None and options.footage != "auto":
        raise CommandError("--video-dir and --footage exclude each other", BAD_INPUT)
    screen = Screen(sys.stderr if options.json else sys.stdout)
    cache = cache_folder("demo")
    screen.heading("Preparing footage")
    scene = _scene(options, cache, screen.say)
    screen.say(scene.title)
    try:
        result = asyncio.run(_show(scene, options, cache, screen))
    finally:
        screen.status("")
    if options.json:
        print_json(result)
    return 0


def _scene(options: argparse.Namespace, cache: Path, say: Callable[[str], None]) -> Any:
    from throughline.commands._demo_scenes import City, DrawnRoad, HighwayPair

    if options.video_dir is not None:
        from throughline.commands._demo_videos import VideoFolder

        if options.cameras is not None:
            raise CommandError("--cameras goes with the city: with --video-dir each video is a camera", BAD_INPUT)
        return VideoFolder(options.video_dir, cache, say, options.site)
    data, wanted = shared_data(), options.footage
    if wanted in ("auto", "city") and City.available():
        return City(options.cameras)
    if options.cameras is not None:
        raise CommandError("--cameras goes with the city, and this is other footage", BAD_INPUT)
    if wanted == "city":
        raise CommandError("the city's footage is not in this installation", BAD_INPUT)
    real = HighwayPair.available(data)
    if wanted == "real" and not real:
        raise CommandError(
            f"no real footage at {data}: set THROUGHLINE_SHARED_DATA to the folder that has clips/ and models/", BAD_INPUT
        )
    say("It is made once, which takes half a minute ...")
    return HighwayPair(data, cache) if real and wanted != "drawn" else DrawnRoad(cache)


async def _show(scene: Any, options: argparse.Namespace, cache: Path, screen: Any) -> dict[str, Any]:
    from console.board import Board
    from console.server import PageServer
    from throughline.commands._demo_report import judge
    from throughline.commands._demo_run import record, rtsp_server
    from throughline.commands._demo_show import Show
    from throughline.telemetry.logs import configure_logging

    seconds = scene.seconds if options.minutes is None else options.minutes * 60.0
    ports = _ports(options)
    board = Board("Throughline demo", scene.title.replace("\n", " "), scene.footage)
    async with contextlib.AsyncExitStack() as stack:
        stop = await stack.enter_async_context(stop_on_signals())
        server = await stack.enter_async_context(rtsp_server(scene, options.speed, seconds / options.speed))
        try:
            page = await stack.enter_async_context(PageServer(board, "127.0.0.1", ports["page"]))
        except OSError as error:
            raise CommandError(f"the page cannot be served on port {ports['page']}: {error.strerror}", BAD_INPUT) from error
        text = _site_text(scene, server.urls, ports)
        path = cache / "site.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        site = parse_site(text, folder=None if options.site is None else options.site.parent)
        configure_logging(site.telemetry)
        truth = scene.truth(server.epochs)
        show = Show(screen, page, truth)
        _tell_where(screen, page.url, path, site, ports, options)
        await stack.enter_async_context(show.figures())
        show.phase("Starting: models, Kafka, matcher and cameras", cameras=len(site.cameras))
        if truth is not None:
            screen.say("+ a match that is true so far, x one that is wrong")
        screen.say(f"  {event_heading()}" if truth is not None else event_heading())
        recording = await record(site, server, seconds, stop, show)
        show.phase("Writing the report")
        outcome = judge(scene.title, site, recording, truth, speed=options.speed)
        show.phase("The demo is over: its report stands in the terminal")
    screen.say()
    for line in outcome.lines:
        screen.say(line)
    screen.say()
    write_report(outcome.report, options.report or cache / "report.html", screen.say)
    return {"footage": type(scene).__name__, "speed": options.speed, **outcome.result}


def _tell_where(screen: Any, page: str, path: Path, site: Site, ports: Mapping[str, int], options: argparse.Namespace) -> None:
    """What there is to look at."""
    command = Path(sys.argv[0]).parent / "throughline"
    screen.heading(f"Look at {page}")
    screen.say("  cameras with boxes and vehicles' numbers, and matches with their pictures and reasons")
    screen.say(f"Match events: Kafka at 127.0.0.1:{ports['kafka']}, topic {site.kafka.topic('matches')}; or in another terminal")
    screen.say(f"  {command} events {path}")
    screen.say("Where was a vehicle seen? With a picture of it, in another terminal")
    screen.say(f"  {command} search PICTURE --site {path}")
    screen.say(f"Metrics: http://127.0.0.1:{ports['metrics']}/metrics. Ctrl-C ends the demo early, with its report.")
    if not (options.no_browser or options.json) and _has_display():
        threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()  # some browsers return when they are closed


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _ports(options: argparse.Namespace) -> dict[str, int]:
    """Ports as they were asked for, or the first free ones from the usual ones on."""
    taken: set[int] = set()
    ports = {}
    for name, usual in _PORTS.items():
        asked = getattr(options, f"{name}_port")
        ports[name] = _free_from(usual, taken) if asked is None else asked
        taken.add(ports[name])
    return ports


def _free_from(first: int, taken: set[int]) -> int:
    for port in range(first, first + _TRIED):
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise CommandError(f"no port from {first} to {first + _TRIED - 1} is free on this machine")


def _site_text(scene: Any, urls: Mapping[str, str], ports: Mapping[str, int]) -> str:
    site = {
        "site": "demo",
        "kafka": {"bootstrap_servers": "embedded", "embedded_port": ports["kafka"]},
        "telemetry": {"port": ports["metrics"], "log_level": "warning"},
        "matching": {"confirm_after": "6s", "lateness": "3s"},
        **scene.site,
        "search": {**scene.site.get("search", {}), "port": ports["search"]},
        "cameras": [{**camera, "url": urls[camera["id"]]} for camera in scene.site["cameras"]],
    }
    return yaml.safe_dump(site, sort_keys=False)
