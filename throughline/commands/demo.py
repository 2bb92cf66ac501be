"""`throughline demo`: the whole product on this machine, on footage with known truth."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from throughline.cache import cache_folder
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import event_heading, event_line, print_json
from throughline.commands._shared_data import shared_data
from throughline.commands._tasks import stop_on_signals
from throughline.messages import MatchEvent
from throughline.settings import parse_site

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("demo", help="run the whole product here, on footage with known truth")
    parser.add_argument("--minutes", type=float, default=1.0, help="length of the part that counts (default: %(default)g)")
    parser.add_argument("--footage", choices=("auto", "real", "drawn"), default="auto", help="default: real where it is there")
    parser.add_argument(
        "--kafka-port", type=int, default=9094, help="where your own Kafka client can read along (default: %(default)d)"
    )
    parser.add_argument("--metrics-port", type=int, default=9464, help="where Prometheus finds /metrics (default: %(default)d)")
    parser.add_argument("--search-port", type=int, default=9470, help="where searches are served (default: %(default)d)")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end; everything else goes to stderr")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from throughline.commands._demo_scenes import DrawnRoad, HighwayPair, Scene

    if options.minutes <= 0:
        raise CommandError("--minutes must be above 0", BAD_INPUT)
    stream = sys.stderr if options.json else sys.stdout

    def say(text: str) -> None:
        print(text, file=stream, flush=True)

    cache, data = cache_folder("demo"), shared_data()
    real = HighwayPair.available(data)
    if options.footage == "real" and not real:
        raise CommandError(
            f"no real footage at {data}: set THROUGHLINE_SHARED_DATA to the folder that has clips/ and models/", BAD_INPUT
        )
    say("Preparing footage (half a minute the first time) ...")
    scene: Scene = HighwayPair(data, cache) if real and options.footage != "drawn" else DrawnRoad(cache)
    say(f"On screen: {scene.title}\n")
    result = asyncio.run(_show(scene, options, cache, say, colour=stream.isatty()))
    if options.json:
        print_json(result)
    return 0


async def _show(scene: Any, options: argparse.Namespace, cache: Path, say: Any, *, colour: bool) -> dict[str, Any]:
    from throughline.commands._demo_report import report, report_lines
    from throughline.commands._demo_run import record, rtsp_server
    from throughline.telemetry.logs import configure_logging

    def show(event: MatchEvent) -> None:
        if event.joined is not None:
            say(event_line(event, colour=colour))

    async with stop_on_signals() as stop, rtsp_server(scene) as server:
        text = _site_text(scene, server.urls, options)
        path = cache / "site.yaml"
        path.write_text(text, encoding="utf-8")
        site = parse_site(text)
        configure_logging(site.telemetry)
        say(f"Match events: Kafka at 127.0.0.1:{options.kafka_port}, topic {site.kafka.topic('matches')}; or in another terminal")
        say(f"  {Path(sys.argv[0]).parent / 'throughline'} events {path}")
        say("Where was a vehicle seen? With a picture of it, in another terminal")
        say(f"  {Path(sys.argv[0]).parent / 'throughline'} search PICTURE --site {path}")
        say(f"Metrics: http://127.0.0.1:{options.metrics_port}/metrics. Ctrl-C ends the demo early, with its report.\n")
        say(event_heading())
        recording = await record(site, options.minutes * 60, stop, show, say)
        result = {"footage": type(scene).__name__, **report(site, recording, scene.truth(server.epochs))}
    say("")
    for line in report_lines(result):
        say(line)
    return result


def _site_text(scene: Any, urls: Mapping[str, str], options: argparse.Namespace) -> str:
    site = {
        "site": "demo",
        "kafka": {"bootstrap_servers": "embedded", "embedded_port": options.kafka_port},
        "telemetry": {"port": options.metrics_port, "log_level": "warning"},
        "search": {"port": options.search_port},
        "matching": {"confirm_after": "6s", "lateness": "3s"},
        **scene.site,
        "cameras": [{**camera, "url": urls[camera["id"]]} for camera in scene.site["cameras"]],
    }
    return yaml.safe_dump(site, sort_keys=False)
