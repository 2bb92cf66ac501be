"""The page comes over HTTP with everything it needs, pictures come through it, and matches come as they happen."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pytest

from console.board import Board
from console.server import PageServer
from streams.media import Media, MediaServer
from tests.console.test_board import event
from throughline.messages import CameraStatus
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource, Frame, Tracks


@pytest.fixture
async def page() -> AsyncIterator[PageServer]:
    async with PageServer(Board("A <demo>", "Two cameras.", ["c01", "c02"])) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def shown(captured: int) -> tuple[Frame, Tracks, list[str]]:
    ids, ones = np.array([7], np.int64), np.ones(1, np.float32)
    boxes = np.array([[10, 10, 30, 20]], np.float32)
    tracks = Tracks(captured, ids, boxes, np.zeros((1, 2), np.float32), ones, ids, ids, ones)
    image = np.full((60, 80, 3), 90, np.uint8)
    return Frame("c01", 0, captured, ClockSource.RTCP, 0.02, image), tracks, ["c01-1-7"]


async def message(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while not (line := await response.content.readline()).startswith(b"data: "):
            assert line, "the stream has ended"
    found: dict[str, Any] = json.loads(line[6:])
    return found


async def test_the_page_is_complete_and_asks_nobody_else(page: PageServer, session: aiohttp.ClientSession) -> None:
    async with session.get(page.url) as answer:
        html = await answer.text()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"https?://", html)
    for name in re.findall(r'(?:src|href)="([^"]+)"', html):
        async with session.get(page.url + name) as answer:
            assert answer.status == 200
            text = await answer.text()
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), f"{name} asks elsewhere"


async def test_matches_and_news_come_as_they_happen_and_late_comers_are_told_all(
    page: PageServer, session: aiohttp.ClientSession
) -> None:
    async with session.get(page.url + "events") as first:
        hello = await message(first)
        assert (hello["title"], hello["cameras"], hello["matches"]) == ("A <demo>", ["c01", "c02"], [])
        page.status("Watching", "2 of 2 cameras live")
        page.match(event("confirmed", "c02-1", "c01-1"), right=False)
        page.match(event("new", "c02-2"))
        status, match = await message(first), await message(first)
        assert (status["type"], status["phase"]) == ("status", "Watching")
        assert (match["type"], match["right"], match["from"]) == ("match", False, "c01")
        async with session.get(page.url + "events") as second:
            hello = await message(second)
        assert [one["tracklet"] for one in hello["matches"]] == ["c02-1"]
        assert hello["status"]["phase"] == "Watching"
    assert page.opened == 2


async def test_pictures_come_through_it_with_numbers_of_vehicles(page: PageServer, session: aiohttp.ClientSession) -> None:
    media = Media(5, Metrics())
    async with session.get(page.url + "live/c01") as answer:
        assert answer.status == 404
    async with MediaServer(media, "127.0.0.1", 0) as pictures:
        page.camera(CameraStatus("demo", "c01", "live", 0, media_url=pictures.url))
        media.show(*shown(1_000_000))
        media.keep_shot("c01", "c01-1-7-3.jpg", np.full((20, 20, 3), 200, np.uint8))
        async with session.get(page.url + "live/c01?after=") as answer:
            live = await answer.json()
        assert (live["captured"], live["width"], live["height"]) == (1_000_000, 80, 60)
        assert live["tracks"] == [{"track": 7, "tracklet": "c01-1-7", "box": [10, 10, 30, 20], "vehicle": 1, "cameras": ["c01"]}]
        asking = asyncio.create_task(_get(session, page.url + "live/c01?after=1000000"))
        await asyncio.sleep(0.1)
        media.show(*shown(1_100_000))
        status, body = await asking
        assert (status, json.loads(body)["captured"]) == (200, 1_100_000)
        for path, expected in (
            ("shots/c01/shots/c01-1-7-3.jpg", 200),
            ("shots/c01/shots/nothing.jpg", 404),
            ("shots/c09/shots/c01-1-7-3.jpg", 404),
            ("shots/c01/preview/c01.jpg", 404),
            ("live/c09", 404),
        ):
            assert (await _get(session, page.url + path))[0] == expected
    assert (await _get(session, page.url + "live/c01"))[0] == 502, "the worker is gone"


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with session.get(url) as answer:
        return answer.status, await answer.read()


async def test_open_pages_do_not_hold_up_the_end(session: aiohttp.ClientSession) -> None:
    async with PageServer(Board("Demo", "", ["c01"])) as page:
        response = await session.get(page.url + "events")
        await message(response)
    async with asyncio.timeout(20):
        assert (await response.content.read()).strip() == b"", "it has ended, with nothing more to say"


async def test_a_taken_port_is_told(page: PageServer) -> None:
    with pytest.raises(OSError, match="address already in use"):
        async with PageServer(Board("Demo", "", []), "127.0.0.1", int(page.url.rstrip("/").rpartition(":")[2])):
            pass
