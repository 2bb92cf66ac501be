from __future__ import annotations

import asyncio
import socket
import threading
import time

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from throughline.settings.telemetry import TelemetrySettings
from throughline.telemetry.metrics import Metrics
from throughline.telemetry.server import Readiness, TelemetryError, TelemetryServer

ANY_PORT = TelemetrySettings(port=0)


async def test_metrics_are_served_as_prometheus_reads_them() -> None:
    metrics = Metrics()
    metrics.frames_decoded.labels("c01").inc(3)
    async with TelemetryServer(metrics, Readiness(), ANY_PORT) as server, aiohttp.ClientSession() as client:
        for encoding in ("gzip", "identity"):
            async with client.get(f"{server.url}/metrics", headers={"Accept-Encoding": encoding}) as answer:
                assert answer.status == 200
                assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
                assert answer.headers.get("Content-Encoding", "identity") == encoding
                families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
            sample = families["throughline_frames_decoded"].samples[0]
            assert (sample.name, sample.labels, sample.value) == ("throughline_frames_decoded_total", {"camera": "c01"}, 3.0)


async def test_ready_when_every_part_is() -> None:
    metrics, readiness = Metrics(), Readiness()
    async with TelemetryServer(metrics, readiness, ANY_PORT) as server, aiohttp.ClientSession() as client:

        async def ready() -> tuple[int, dict[str, object]]:
            async with client.get(f"{server.url}/readyz") as answer:
                return answer.status, await answer.json()

        assert await ready() == (503, {"ready": False, "waiting": {"process": "still starting"}})
        readiness.set("kafka", True)
        readiness.set("camera c01", False, "connection refused")
        readiness.set("engine", False)
        assert await ready() == (503, {"ready": False, "waiting": {"camera c01": "connection refused", "engine": "not ready"}})
        readiness.set("camera c01", True)
        readiness.set("engine", True)
        assert await ready() == (200, {"ready": True, "waiting": {}})
        assert metrics.registry.get_sample_value("throughline_part_ready", {"part": "engine"}) == 1.0
        readiness.set("kafka", False, "no broker answers")
        assert (await ready())[0] == 503
        assert metrics.registry.get_sample_value("throughline_part_ready", {"part": "kafka"}) == 0.0


async def test_parts_named_before_the_server_starts_are_shown() -> None:
    metrics, readiness = Metrics(), Readiness()
    readiness.set("kafka", True)
    async with TelemetryServer(metrics, readiness, ANY_PORT):
        assert metrics.registry.get_sample_value("throughline_part_ready", {"part": "kafka"}) == 1.0


async def test_healthy_until_a_part_is_dead_for_good() -> None:
    readiness = Readiness()
    async with TelemetryServer(Metrics(), readiness, ANY_PORT) as server, aiohttp.ClientSession() as client:
        readiness.set("kafka", False, "no broker answers")  # will come back: no reason to restart the process
        async with client.get(f"{server.url}/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"healthy": True, "failed": {}})
        readiness.fail("matcher", "the snapshot is of a newer version")
        async with client.get(f"{server.url}/healthz") as answer:
            assert answer.status == 503
            assert (await answer.json())["failed"] == {"matcher": "the snapshot is of a newer version"}
        readiness.set("matcher", True)
        async with client.get(f"{server.url}/healthz") as answer:
            assert answer.status == 503


async def test_rendering_does_not_hold_the_event_loop_up() -> None:
    answered = threading.Event()

    class SlowMetrics(Metrics):
        def exposition(self) -> bytes:
            assert answered.wait(60)
            return super().exposition()

    async with TelemetryServer(SlowMetrics(), Readiness(), ANY_PORT) as server, aiohttp.ClientSession() as client:
        slow = asyncio.create_task(client.get(f"{server.url}/metrics"))
        async with client.get(f"{server.url}/healthz") as answer:
            assert answer.status == 200
        answered.set()  # health was answered while the metrics were still being rendered
        async with await slow as answer:
            assert answer.status == 200


async def test_a_blocked_event_loop_is_measured() -> None:
    metrics = Metrics()
    async with TelemetryServer(metrics, Readiness(), ANY_PORT):
        await asyncio.sleep(0.1)
        time.sleep(0.6)  # noqa: ASYNC251 - the fault under test
        deadline = time.monotonic() + 20
        while not metrics.registry.get_sample_value("throughline_event_loop_delay_seconds_count"):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        delay = metrics.registry.get_sample_value("throughline_event_loop_delay_seconds_sum")
        assert delay is not None
        assert delay > 0.3


async def test_a_port_in_use_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TelemetryError, match=rf"^telemetry\.port: 127\.0\.0\.1:{port} is in use by another process; choose"):
            async with TelemetryServer(Metrics(), Readiness(), TelemetrySettings(port=port)):
                pass


async def test_a_foreign_address_names_the_setting() -> None:
    with pytest.raises(TelemetryError, match=r"^telemetry\.host: 192\.0\.2\.1 is no address of this machine"):
        async with TelemetryServer(Metrics(), Readiness(), TelemetrySettings(host="192.0.2.1", port=0)):
            pass


async def test_the_port_is_free_again_afterwards() -> None:
    async with TelemetryServer(Metrics(), Readiness(), ANY_PORT) as server:
        port, url = server.port, server.url
    async with TelemetryServer(Metrics(), Readiness(), TelemetrySettings(port=port)) as server:
        assert server.url == url
    with pytest.raises(RuntimeError, match="not listening"):
        _ = server.port
