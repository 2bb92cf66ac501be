"""The shipped configuration, rules and dashboard against a real Prometheus that scrapes a real telemetry server."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.support.filled_metrics import advance, filled_metrics
from tests.support.promql import panels, plain_query
from throughline.settings.telemetry import TelemetrySettings
from throughline.telemetry.server import Readiness, TelemetryServer

pytestmark = pytest.mark.prometheus
DEADLINE_SECONDS = 90


class Prometheus:
    """The HTTP API of a running Prometheus."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client, self._url = client, url

    async def ready(self) -> bool:
        try:
            async with self._client.get(f"{self._url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def get(self, path: str, **parameters: str) -> Any:
        async with self._client.get(f"{self._url}/api/v1/{path}", params=parameters) as answer:
            content = await answer.json()
        assert content["status"] == "success", (parameters, content)
        return content["data"]

    async def query(self, expression: str) -> list[Any]:
        found: list[Any] = (await self.get("query", query=expression))["result"]
        return found


def configuration(deploy: Path, target: str) -> str:
    """The shipped configuration, with the targets here and everything every second."""
    content = yaml.safe_load((deploy / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    content["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    content["rule_files"] = [str(deploy / "prometheus" / pattern) for pattern in content["rule_files"]]
    for job in content["scrape_configs"]:
        for group in job["static_configs"]:
            group["targets"] = [target]
    return yaml.safe_dump(content)


@contextlib.asynccontextmanager
async def life() -> AsyncIterator[TelemetryServer]:
    """A telemetry server whose numbers grow."""
    metrics, readiness = filled_metrics(), Readiness()
    readiness.set("streams", True)
    readiness.set("matcher", True)

    async def go_on() -> None:
        while True:
            advance(metrics)
            await asyncio.sleep(0.25)

    async with TelemetryServer(metrics, readiness, TelemetrySettings(port=0)) as server:
        task = asyncio.create_task(go_on())
        yield server
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def started(program: str, file: Path, storage: Path, log: Path) -> AsyncIterator[Prometheus]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={file}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--storage.tsdb.path={storage}",
            "--storage.tsdb.retention.time=1h",
            "--log.level=warn",
            stdout=output,
            stderr=output,
        )
    try:
        async with aiohttp.ClientSession() as client:
            server = Prometheus(client, f"http://127.0.0.1:{port}")
            deadline = time.monotonic() + DEADLINE_SECONDS
            while not await server.ready():
                assert process.returncode is None, f"Prometheus ended; its last words are in {log}"
                assert time.monotonic() < deadline, f"Prometheus does not get ready; its log is {log}"
                await asyncio.sleep(0.1)
            yield server
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()


def variable_queries(dashboard: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Selector and label behind each variable that is a query."""
    found = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert match is not None, variable
            found[variable["name"]] = (plain_query(match[1]), match[2])
    return found


async def test_queries_rules_and_variables_answer(
    prometheus: str, deploy: Path, dashboard: dict[str, Any], tmp_path: Path
) -> None:
    expressions = {
        f"{panel['title']} {target['refId']}": plain_query(target["expr"])
        for panel in panels(dashboard)
        for target in panel.get("targets", ())
    }
    file = tmp_path / "prometheus.yml"
    async with life() as telemetry:
        file.write_text(configuration(deploy, f"127.0.0.1:{telemetry.port}"), encoding="utf-8")
        async with started(prometheus, file, tmp_path / "storage", tmp_path / "prometheus.log") as server:
            silent = dict(expressions)
            deadline = time.monotonic() + DEADLINE_SECONDS
            while silent:  # rates need a few samples
                silent = {name: text for name, text in silent.items() if not await server.query(text)}
                assert time.monotonic() < deadline, f"no answer to {silent}"
                await asyncio.sleep(0.5)

            for name, expected in (("site", ["example"]), ("camera", ["c01", "c02"])):
                selector, label = variable_queries(dashboard)[name]
                assert await server.get(f"label/{label}/values", **{"match[]": selector}) == expected

            # Streams' metrics get their site from the target, the matcher's keep their own.
            assert {row["metric"]["site"] for row in await server.query("throughline_camera_connected")} == {"example"}
            assert not await server.query('{__name__=~"throughline_.+", exported_site!=""}')

            groups = (await server.get("rules"))["groups"]
            while any(rule["health"] == "unknown" for group in groups for rule in group["rules"]):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.5)
                groups = (await server.get("rules"))["groups"]
            errors = {
                rule["name"]: rule.get("lastError") for group in groups for rule in group["rules"] if rule["health"] != "ok"
            }
            assert not errors
            for group in groups:
                for rule in group["rules"]:
                    while rule["type"] == "recording" and not await server.query(rule["name"]):  # rates need a few samples
                        assert time.monotonic() < deadline, rule["name"]
                        await asyncio.sleep(0.5)
                    for alert in rule.get("alerts", ()):
                        texts = " ".join(alert["annotations"].values())
                        assert "error expanding template" not in texts
                        assert "no value" not in texts
