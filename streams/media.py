"""Pictures for people, over HTTP: the best shot of each tracklet, and a preview of what a camera sees right now.

Pictures stay on the machine that took them. Kafka carries their paths; whoever wants to see one fetches it here, below the
``media_url`` of the camera's status record.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from typing import Final, Self

import cv2
from aiohttp import web

from inference.pictures.thumbnail import thumbnail
from throughline.telemetry.metrics import Metrics
from throughline.types import Frame, Image, Tracks

__all__ = ["Media", "MediaServer"]

_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 88)
_WIDEST_PREVIEW: Final = 1280
_COLOURS: Final = ((80, 175, 76), (0, 152, 255), (243, 150, 33), (99, 30, 233), (0, 188, 212), (176, 39, 156), (7, 193, 255))
"""BGR, told apart on asphalt; a track keeps its colour."""


class Media:
    """The pictures of this process, in memory: a bounded number of best shots for each camera, and its latest frame."""

    def __init__(self, shots_kept: int, metrics: Metrics) -> None:
        self._shots_kept = shots_kept
        self._metrics = metrics
        self._shots: dict[str, OrderedDict[str, bytes]] = {}
        self._latest: dict[str, tuple[Frame, Tracks]] = {}

    def keep_shot(self, camera: str, path: str, image: Image) -> None:
        """Keeps a best shot; the camera's oldest makes room for it.

        Args:
            camera: Camera id.
            path: Its name below ``/shots/``.
            image: (height, width, 3), BGR.
        """
        shots = self._shots.setdefault(camera, OrderedDict())
        shots[path] = _jpeg(image)
        shots.move_to_end(path)
        while len(shots) > self._shots_kept:
            shots.popitem(last=False)
            self._metrics.best_shots_dropped.labels(camera).inc()

    def shot(self, path: str) -> bytes | None:
        """The best shot at ``path`` below ``/shots/`` as JPEG, unless it is gone."""
        return next((shots[path] for shots in self._shots.values() if path in shots), None)

    def show(self, frame: Frame, tracks: Tracks) -> None:
        """Remembers the latest analysed frame of a camera; it is drawn only when somebody looks."""
        self._latest[frame.camera] = (frame, tracks)

    def preview(self, camera: str) -> bytes | None:
        """The latest frame of ``camera`` with boxes and track ids as JPEG; None before the first."""
        latest = self._latest.get(camera)
        return None if latest is None else _jpeg(_drawn(*latest))


def _jpeg(image: Image) -> bytes:
    done, data = cv2.imencode(".jpg", image, _QUALITY)
    if not done:
        raise ValueError(f"a picture of shape {image.shape} cannot be written as JPEG")
    return data.tobytes()


def _drawn(frame: Frame, tracks: Tracks) -> Image:
    height, width = frame.image.shape[:2]
    scale = min(1.0, _WIDEST_PREVIEW / width)
    canvas = thumbnail(frame.image, round(height * scale), round(width * scale))
    for track, box in zip(tracks.ids.tolist(), (tracks.boxes * scale).round().astype(int).tolist(), strict=True):
        colour = _COLOURS[track % len(_COLOURS)]
        cv2.rectangle(canvas, box[:2], box[2:], colour, 2)
        cv2.putText(canvas, str(track), (box[0], max(12, box[1] - 4)), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return canvas


class MediaServer:
    """Serves a `Media` over HTTP: ``/shots/<path>`` and ``/preview/<camera>.jpg``.

    >>> async with MediaServer(media, "127.0.0.1", 0) as server:
    ...     print(server.url)
    """

    def __init__(self, media: Media, host: str, port: int) -> None:
        self._media = media
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is reached; of a server that listens everywhere, by this machine's name."""
        host = socket.gethostname() if self._host in ("", "0.0.0.0", "::") else self._host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Listens.

        Raises:
            OSError: the port is taken.
        """
        application = web.Application()
        application.router.add_get("/shots/{path:.+}", self._shot)
        application.router.add_get("/preview/{camera}.jpg", self._preview)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Closes the port; safe to call twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _shot(self, request: web.Request) -> web.Response:
        data = self._media.shot(request.match_info["path"])
        if data is None:
            raise web.HTTPNotFound(text="this best shot is not kept any more")
        return _picture(data, "private, max-age=3600")

    async def _preview(self, request: web.Request) -> web.Response:
        data = await asyncio.to_thread(self._media.preview, request.match_info["camera"])
        if data is None:
            raise web.HTTPNotFound(text="no frame of this camera has been analysed yet")
        return _picture(data, "no-store")


def _picture(data: bytes, caching: str) -> web.Response:
    headers = {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"}
    return web.Response(body=data, content_type="image/jpeg", headers=headers)
