"""Pictures for people, over HTTP: the best shot of each tracklet, and a preview of what a camera sees right now.

Pictures stay on the machine that took them. Kafka carries their paths; whoever wants to see one fetches it here, below the
``media_url`` of the camera's status record.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, Self

import cv2
from aiohttp import web

from inference.pictures.thumbnail import thumbnail
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant
from throughline.types import Frame, Image, Tracks

__all__ = ["Media", "MediaServer"]

_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 88)
_LIVE_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 78)
_WIDEST_PREVIEW: Final = 1280
_WIDEST_LIVE: Final = 960
_NEWER_SECONDS: Final = 2.0
_LOOK: Final = 0.03
"""Seconds between two looks at whether there is a newer frame."""
_COLOURS: Final = ((80, 175, 76), (0, 152, 255), (243, 150, 33), (99, 30, 233), (0, 188, 212), (176, 39, 156), (7, 193, 255))
"""BGR, told apart on asphalt; a track keeps its colour."""


class Media:
    """The pictures of this process, in memory: a bounded number of best shots for each camera, and its latest frame."""

    def __init__(self, shots_kept: int, metrics: Metrics) -> None:
        self._shots_kept = shots_kept
        self._metrics = metrics
        self._shots: dict[str, OrderedDict[str, bytes]] = {}
        self._latest: dict[str, tuple[Frame, Tracks, Sequence[str | None]]] = {}

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

    def show(self, frame: Frame, tracks: Tracks, tracklets: Sequence[str | None] = ()) -> None:
        """Remembers the latest analysed frame of a camera; it is drawn only when somebody looks.

        Args:
            frame: The frame.
            tracks: That were seen in it.
            tracklets: Ids of the tracklets that they are told as, in the order of ``tracks``.
        """
        self._latest[frame.camera] = (frame, tracks, tracklets)

    def preview(self, camera: str) -> bytes | None:
        """The latest frame of ``camera`` with boxes and track ids as JPEG; None before the first."""
        latest = self._latest.get(camera)
        return None if latest is None else _jpeg(_drawn(*latest[:2]))

    def captured(self, camera: str) -> Instant | None:
        """When the latest frame of ``camera`` was captured; None before the first."""
        latest = self._latest.get(camera)
        return None if latest is None else latest[0].captured

    def live(self, camera: str) -> dict[str, Any] | None:
        """The latest frame of ``camera`` without anything drawn into it, and what is to be drawn; None before the first.

        Returns:
            ``camera``, ``captured`` (an instant), ``jpeg`` (in base64), ``width`` and ``height`` of that picture, and ``tracks``:
            for each its ``track`` number, ``tracklet`` id (None while it has none) and ``box`` (left, top, right and bottom in
            pixels of that picture).
        """
        latest = self._latest.get(camera)
        if latest is None:
            return None
        frame, tracks, tracklets = latest
        canvas, scale = _thumbnail(frame, _WIDEST_LIVE)
        boxes = (tracks.boxes * scale).round(1).tolist()
        names = [*tracklets, *[None] * (len(boxes) - len(tracklets))]
        return {
            "camera": camera,
            "captured": frame.captured,
            "width": canvas.shape[1],
            "height": canvas.shape[0],
            "tracks": [
                {"track": track, "tracklet": name, "box": box}
                for track, name, box in zip(tracks.ids.tolist(), names, boxes, strict=True)
            ],
            "jpeg": base64.b64encode(_jpeg(canvas, _LIVE_QUALITY)).decode(),
        }


def _jpeg(image: Image, quality: Sequence[int] = _QUALITY) -> bytes:
    done, data = cv2.imencode(".jpg", image, quality)
    if not done:
        raise ValueError(f"a picture of shape {image.shape} cannot be written as JPEG")
    return data.tobytes()


def _drawn(frame: Frame, tracks: Tracks) -> Image:
    canvas, scale = _thumbnail(frame, _WIDEST_PREVIEW)
    for track, box in zip(tracks.ids.tolist(), (tracks.boxes * scale).round().astype(int).tolist(), strict=True):
        colour = _COLOURS[track % len(_COLOURS)]
        cv2.rectangle(canvas, box[:2], box[2:], colour, 2)
        cv2.putText(canvas, str(track), (box[0], max(12, box[1] - 4)), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return canvas


def _thumbnail(frame: Frame, widest: int) -> tuple[Image, float]:
    """A copy of the frame's picture that is no wider, and its scale."""
    height, width = frame.image.shape[:2]
    scale = min(1.0, widest / width)
    return thumbnail(frame.image, round(height * scale), round(width * scale)), scale


class MediaServer:
    """Serves a `Media` over HTTP: ``/shots/<path>``, ``/preview/<camera>.jpg``, and ``/live/<camera>`` for pages that draw boxes.

    ``/live/<camera>?after=<instant>`` answers when there is a frame captured after that, with `Media.live` as JSON, or with 204
    if none comes for some seconds.

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
        application.router.add_get("/live/{camera}", self._live)
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

    async def _live(self, request: web.Request) -> web.Response:
        camera, after = request.match_info["camera"], request.query.get("after", "")
        if self._media.captured(camera) is None:
            raise web.HTTPNotFound(text="no frame of this camera has been analysed yet")
        if after and not after.isdecimal():
            raise web.HTTPBadRequest(text="after: expected microseconds since 1970")
        for _ in range(round(_NEWER_SECONDS / _LOOK)):
            if not after or (self._media.captured(camera) or 0) > int(after):
                return web.json_response(await asyncio.to_thread(self._media.live, camera), headers={"Cache-Control": "no-store"})
            await asyncio.sleep(_LOOK)
        return web.Response(status=204)


def _picture(data: bytes, caching: str) -> web.Response:
    headers = {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"}
    return web.Response(body=data, content_type="image/jpeg", headers=headers)
