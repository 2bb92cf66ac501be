from __future__ import annotations

import base64
import json
import socket
from collections.abc import AsyncIterator

import aiohttp
import cv2
import numpy as np
import pytest

from streams.media import Media, MediaServer
from tests.support.cameras import value
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource, Frame, Image, Tracks


def grey(level: int, size: tuple[int, int] = (40, 30)) -> Image:
    return np.full((size[1], size[0], 3), level, np.uint8)


def decoded(data: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def analysed(image: Image, boxes: list[list[float]], camera: str = "c01") -> tuple[Frame, Tracks]:
    count = len(boxes)
    ints = np.arange(count, dtype=np.int64)
    ones = np.ones(count, np.float32)
    box_array = np.array(boxes, np.float32).reshape(count, 4)
    tracks = Tracks(1, ints, box_array, np.zeros((count, 2), np.float32), ones, ints, ints, ones)
    return Frame(camera, 0, 1, ClockSource.RTCP, 0.02, image), tracks


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def media(metrics: Metrics) -> Media:
    return Media(3, metrics)


@pytest.fixture
async def server(media: Media) -> AsyncIterator[MediaServer]:
    async with MediaServer(media, "127.0.0.1", 0) as server:
        yield server


async def get(url: str) -> tuple[int, bytes, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.read(), response.headers["Content-Type"]


async def test_best_shots_are_served_as_jpeg(media: Media, server: MediaServer) -> None:
    media.keep_shot("c01", "c01-1-7.jpg", grey(200))
    status, data, kind = await get(f"{server.url}/shots/c01-1-7.jpg")
    assert (status, kind) == (200, "image/jpeg")
    assert decoded(data) == pytest.approx(grey(200), abs=3)


async def test_the_oldest_shots_of_a_camera_make_room_and_are_counted(
    media: Media, metrics: Metrics, server: MediaServer
) -> None:
    for number in range(5):
        media.keep_shot("c01", f"c01-{number}.jpg", grey(100))
    media.keep_shot("c02", "c02-0.jpg", grey(100))
    media.keep_shot("c01", "c01-4.jpg", grey(120))  # a better one of the same vehicle takes no room
    kept = [number for number in range(5) if (await get(f"{server.url}/shots/c01-{number}.jpg"))[0] == 200]
    assert kept == [2, 3, 4]
    assert (await get(f"{server.url}/shots/c02-0.jpg"))[0] == 200
    assert value(metrics, "best_shots_evicted_total", camera="c01") == 2
    assert value(metrics, "best_shots_evicted_total", camera="c02") == 0


async def test_the_preview_shows_the_latest_frame_with_its_boxes(media: Media, server: MediaServer) -> None:
    assert (await get(f"{server.url}/preview/c01.jpg"))[0] == 404
    media.show(*analysed(grey(50, (320, 240)), []))
    image = grey(90, (320, 240))
    media.show(*analysed(image, [[60, 60, 160, 200]]))
    status, data, _ = await get(f"{server.url}/preview/c01.jpg")
    assert status == 200
    shown = decoded(data)
    assert shown.shape == (240, 320, 3)
    assert shown[220, 10] == pytest.approx([90, 90, 90], abs=6)
    assert shown[130, 60].astype(int).std() > 20  # the left edge of the box is coloured
    assert np.array_equal(image, grey(90, (320, 240)))  # nobody paints into a frame that others still use


async def test_a_large_picture_is_previewed_smaller_with_boxes_in_place(media: Media, server: MediaServer) -> None:
    media.show(*analysed(grey(90, (2560, 1440)), [[1280, 720, 1800, 1200]]))
    shown = decoded((await get(f"{server.url}/preview/c01.jpg"))[1])
    assert shown.shape == (720, 1280, 3)
    assert shown[480, 640].astype(int).std() > 20


async def test_a_page_gets_the_plain_picture_and_what_to_draw(media: Media, server: MediaServer) -> None:
    frame, tracks = analysed(grey(90, (1920, 1080)), [[960, 540, 1300, 900]])
    media.show(frame, tracks, ["c01-1-7"])
    status, data, kind = await get(f"{server.url}/live/c01")
    live = json.loads(data)
    assert (status, kind) == (200, "application/json; charset=utf-8")
    assert (live["captured"], live["width"], live["height"]) == (1, 960, 540)
    assert live["tracks"] == [{"track": 0, "tracklet": "c01-1-7", "box": [480, 270, 650, 450]}]
    picture = decoded(base64.b64decode(live["jpeg"]))
    assert picture.shape == (540, 960, 3)
    assert picture[360, 480].astype(int).std() < 3, "nothing is drawn into it"
    assert (await get(f"{server.url}/live/c01?after=0"))[0] == 200
    assert (await get(f"{server.url}/live/c01?after=soon"))[0] == 400
    assert (await get(f"{server.url}/live/c02"))[0] == 404


async def test_who_waits_for_a_newer_picture_that_does_not_come_is_told(
    media: Media, server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.media._NEWER_SECONDS", 0.06)
    media.show(*analysed(grey(90), []))
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/live/c01?after=1") as response:
        assert (response.status, await response.read()) == (204, b"")


@pytest.mark.parametrize("path", ["shots/nothing.jpg", "preview/c99.jpg", "shots/../etc/passwd", ""])
async def test_what_is_not_there_is_not_found(server: MediaServer, path: str) -> None:
    assert (await get(f"{server.url}/{path}"))[0] == 404


async def test_stopping_frees_the_port(media: Media) -> None:
    server = MediaServer(media, "127.0.0.1", 0)
    await server.start()
    port = int(server.url.rpartition(":")[2])
    await server.stop()
    await server.stop()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
