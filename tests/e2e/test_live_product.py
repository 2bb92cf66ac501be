"""The product as a user runs it: one process, RTSP cameras, a Kafka, and a stop by signal."""

import asyncio
import json
import signal
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks._processes import first_json_line, python_process, wait_until
from benchmarks._processes import free_port as find_free_port
from simulation.drawn_road import draw_road
from tests.support.kafka import KafkaServer
from throughline.bus import KafkaBus
from throughline.messages import CameraStatus, MatchEvent, decode_camera_status, decode_match_event
from throughline.settings import KafkaSettings
from throughline.telemetry.metrics import Metrics
from throughline.telemetry.scrape import Scrape

PATIENCE = 120.0


@contextmanager
def cameras(folder: Path) -> Iterator[dict[str, str]]:
    """URLs of three live cameras on the drawn road."""
    road = draw_road(folder / "road", seed=0, seconds=20)
    arguments = ["-m", "simulation.rtsp", "--port", "0", *(f"{name}={clip}" for name, clip in road.clips.items())]
    log = folder / "rtsp.log"
    with python_process(arguments, log, output=subprocess.PIPE) as server:
        ready = first_json_line(server, log)
        yield {name: camera["url"] for name, camera in ready["cameras"].items()}


def site_file(folder: Path, urls: dict[str, str], kafka: dict[str, Any], metrics_port: int, search_port: int) -> Path:
    site = {
        "site": "drawn",
        "kafka": kafka,
        "models": {"detector": "motion", "embedders": [{"model": "colour-histogram"}]},
        "telemetry": {"port": metrics_port},
        "search": {"port": search_port},
        "matching": {"confirm_after": "2s", "lateness": "2s"},
        "cameras": [{"id": name, "url": url} for name, url in urls.items()] + [{"id": "gone", "url": "rtsp://127.0.0.1:9/none"}],
        "links": [
            {"from": "c01", "to": "c02", "travel": {"min": 1, "typical": 4, "max": 11}},
            {"from": "c02", "to": "c03", "travel": {"min": 2, "typical": 5.5, "max": 13}},
        ],
    }
    path = folder / "site.yaml"
    path.write_text(json.dumps(site))
    return path


async def read_until(settings: KafkaSettings, servers: str | None, topic: str, enough: Any) -> list[bytes]:
    """Values of a topic, from its beginning until ``enough`` of them."""
    bus = KafkaBus(settings, Metrics(), servers)
    await bus.start()
    values: list[bytes] = []
    try:
        consumer = await bus.consumer([settings.topic(topic)], None)
        try:
            async with asyncio.timeout(PATIENCE):
                async for batch in consumer.records():
                    values += [record.value for record in batch if record.value is not None]
                    if enough(values):
                        return values
        finally:
            await consumer.stop()
    finally:
        await bus.stop()
    return values


def status(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.parametrize("broker", ["embedded", "kafka"])
def test_live_cameras_give_match_events_and_a_missing_one_disturbs_nobody(
    broker: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    metrics_port, search_port = find_free_port(), find_free_port()
    prefix = f"t{uuid.uuid4().hex[:12]}"
    if broker == "embedded":
        port = find_free_port()
        kafka, servers = {"bootstrap_servers": "embedded", "embedded_port": port, "prefix": prefix}, f"127.0.0.1:{port}"
    else:
        server: KafkaServer = request.getfixturevalue("kafka_server")
        kafka, servers = {"bootstrap_servers": server.bootstrap_servers, "prefix": prefix}, server.bootstrap_servers
    settings = KafkaSettings(bootstrap_servers=servers, prefix=prefix)
    log = tmp_path / "run.log"
    with cameras(tmp_path) as urls:
        site = site_file(tmp_path, urls, kafka, metrics_port, search_port)
        with python_process(["-m", "throughline.commands", "run", str(site)], log) as product:
            wait_until(lambda: status(metrics_port, "/readyz")[0] == 200, PATIENCE, "the product to be ready")

            def is_confirmed(event: MatchEvent) -> bool:
                elsewhere = event.joined is not None and event.joined.camera != event.tracklet.camera  # a track may break, too
                return event.kind == "confirmed" and elsewhere

            def confirmed(values: list[bytes]) -> bool:
                return any(map(is_confirmed, map(decode_match_event, values)))

            events: list[MatchEvent] = [
                decode_match_event(value) for value in asyncio.run(read_until(settings, servers, "matches", confirmed))
            ]
            join = next(filter(is_confirmed, events))
            assert join.link in ("c01->c02", "c02->c03")
            assert join.evidence
            assert join.probability is not None

            answered, text = status(search_port, f"/candidates/{join.tracklet.tracklet}")
            assert answered == 200, text
            ranked = {one["tracklet"]: one for one in json.loads(text)["candidates"]}
            assert join.joined is not None
            assert ranked[join.joined.tracklet]["link"] == join.link
            assert {part["term"] for part in ranked[join.joined.tracklet]["evidence"]} >= {"prior", "travel_time"}

            def about_the_missing(values: list[bytes]) -> list[CameraStatus]:
                return [found for found in map(decode_camera_status, values) if found.camera == "gone" and found.error]

            values = asyncio.run(read_until(settings, servers, "cameras", lambda values: bool(about_the_missing(values))))
            assert about_the_missing(values)[0].state in ("connecting", "reconnecting")

            scrape = Scrape.of(metrics_port)
            assert scrape.total("throughline_camera_reconnects_total", camera="gone", reason="refused") >= 1
            assert scrape.total("throughline_camera_connected", camera="gone") == 0
            for name in urls:
                assert scrape.total("throughline_camera_connected", camera=name) == 1
                assert scrape.total("throughline_camera_clock_source", camera=name, source="rtcp") == 1
            assert scrape.total("throughline_dead_letters_total") == 0
            assert status(metrics_port, "/healthz")[0] == 200

            product.send_signal(signal.SIGTERM)
            assert product.wait(60) == 0
    assert "Traceback" not in log.read_text()
