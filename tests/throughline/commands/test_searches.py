"""Searches as `throughline run` serves them: models when they are needed, a port when it is free."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from structlog.testing import capture_logs

from inference.colour_histogram import colour_descriptor
from tests.support.bus import until
from tests.support.searching import nowhere, publish
from tests.support.traffic import tracklet
from throughline.bus.memory import MemoryBus
from throughline.commands import _search
from throughline.commands._search import Searches, served_together
from throughline.messages import Embedding
from throughline.settings import Site, parse_site
from throughline.telemetry.metrics import Metrics

HISTOGRAM = ("colour-histogram", "e25baa7143f75eb1")


def site(name: str, port: int, more: str = "") -> Site:
    models = "{detector: motion, embedders: [{model: colour-histogram}]}"
    return parse_site(f"site: {name}\ncameras: [{{id: c1}}]\nmodels: {models}\nsearch: {{port: {port}{more}}}\n")


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    bus = MemoryBus()
    await bus.start()
    yield bus
    await bus.stop()


def test_sites_share_an_address_when_their_files_say_so() -> None:
    sites = [site("a", 9470), site("b", 9471), site("c", 9470), site("d", 9470, ", enabled: false")]
    assert [[one.site for one in group] for group in served_together(sites)] == [["a", "c"], ["b"]]


async def test_a_matcher_without_cameras_loads_what_looks_at_pictures_when_one_comes(bus: MemoryBus, free_port: int) -> None:
    one = site("a", free_port, ", keep: 3650d")
    picture = np.full((40, 60, 3), (30, 30, 200), np.uint8)
    embedding = Embedding.of(*HISTOGRAM, colour_descriptor(picture))
    seen = msgspec.structs.replace(tracklet("c1", 0, 5, name="t0", site="a"), embeddings=(embedding,))
    await publish(bus, one, [seen])
    searches, stop = Searches([one], {"a": bus}, {}, Metrics(), nowhere), asyncio.Event()
    running = asyncio.create_task(searches.run(stop))
    await until(lambda: searches.ready or running.done())

    def ask() -> dict[str, Any]:
        body = cv2.imencode(".png", picture)[1].tobytes()
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/search", body, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    answer = await asyncio.to_thread(ask)
    assert answer["model"] == {"name": HISTOGRAM[0], "hash": HISTOGRAM[1]}
    (vehicle,) = answer["vehicles"]
    assert vehicle["similarity"] == pytest.approx(1.0, abs=1e-3)
    assert vehicle["tracklets"][0]["tracklet"] == "t0"
    stop.set()
    await running
    assert not searches.ready


async def test_a_taken_port_is_waited_for(bus: MemoryBus, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_search, "_RETRY_SECONDS", 0.05)
    searches, stop = Searches([site("a", free_port)], {"a": bus}, {}, Metrics(), nowhere), asyncio.Event()
    with capture_logs() as said:

        def warnings() -> list[str]:
            return [str(line.get("error")) for line in said if line["log_level"] == "warning"]

        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", free_port))
            other.listen()
            running = asyncio.create_task(searches.run(stop))
            await until(lambda: bool(warnings()))
            await asyncio.sleep(0.2)  # a few more attempts, of which nothing is said
            assert not searches.ready
            assert not running.done()
        await until(lambda: searches.ready)
    stop.set()
    await running
    (why,) = warnings()
    assert f"search.port: 127.0.0.1:{free_port} is in use by another process" in why
