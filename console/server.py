"""Serves the page: its files, the cameras' pictures, and matches as they come."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import web

from console.board import Board
from throughline.messages import CameraStatus, MatchEvent

__all__ = ["PageServer"]

_FILES: Final = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_BEHIND: Final = 500
"""Messages that may wait for one page; one that does not take them is cut off, and asks again from the start."""
_KEEP_ALIVE: Final = 10.0
_PATIENCE: Final = aiohttp.ClientTimeout(total=5.0)


class PageServer:
    """A page that shows what cameras see, and which vehicles were recognised.

    Pictures are fetched from where the cameras' workers serve them, only when somebody looks.

    >>> async with PageServer(Board("Demo", "Four cameras.", ["c01"]), "127.0.0.1", 8080) as page:
    ...     page.match(event)

    Args:
        board: What is shown.
        host: Address to listen on.
        port: Port to listen on; 0: any free one.
    """

    def __init__(self, board: Board, host: str = "127.0.0.1", port: int = 0) -> None:
        self._board: Final = board
        self._host: Final = host
        self._port = port
        self._waiting: set[asyncio.Queue[bytes | None]] = set()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.opened = 0
        """Pages that were opened."""

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://[{self._host}]:{self._port}/" if ":" in self._host else f"http://{self._host}:{self._port}/"

    async def __aenter__(self) -> Self:
        application = web.Application()
        for name, (file, kind) in _FILES.items():
            application.router.add_get(f"/{name}", _file(file, kind))
        application.router.add_get("/events", self._events)
        application.router.add_get("/live/{camera}", self._live)
        application.router.add_get("/shots/{camera}/{path:.+}", self._shot)
        self._session = aiohttp.ClientSession(timeout=_PATIENCE)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self.__aexit__(None, None, None)
            raise
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for queue in self._waiting:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    def match(self, event: MatchEvent, right: bool | None = None) -> None:
        """Shows a match event; see `Board.match`."""
        if (message := self._board.match(event, right)) is not None:
            self._send(message)

    def camera(self, status: CameraStatus) -> None:
        """Notes how a camera is doing, and where its pictures are."""
        self._board.camera(status)

    def status(self, phase: str, text: str) -> None:
        """Shows what happens now."""
        self._send(self._board.status(phase, text))

    def _send(self, message: dict[str, Any]) -> None:
        data = _server_sent(message)
        for queue in list(self._waiting):
            try:
                queue.put_nowait(data)
            except asyncio.QueueFull:
                self._waiting.discard(queue)  # its handler notices

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_BEHIND)
        self._waiting.add(queue)
        self.opened += 1
        try:
            await response.write(_server_sent(self._board.hello()))
            while queue in self._waiting or not queue.empty():
                data: bytes | None = b": still there\n\n"
                with contextlib.suppress(TimeoutError):
                    data = await asyncio.wait_for(queue.get(), _KEEP_ALIVE)
                if data is None:
                    break
                await response.write(data)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._waiting.discard(queue)
        return response

    async def _live(self, request: web.Request) -> web.Response:
        query = f"?after={after}" if (after := request.query.get("after", "")).isdecimal() else ""
        status, data, _ = await self._fetch(request.match_info["camera"], f"live/{quote(request.match_info['camera'])}{query}")
        if status == 200:
            data = msgspec.json.encode(self._board.live(msgspec.json.decode(data)))
        return web.Response(status=status, body=data, content_type="application/json", headers=_HEADERS)

    async def _shot(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if not path.startswith("shots/") or ".." in path:
            raise web.HTTPNotFound(text="there is no such picture")
        status, data, kind = await self._fetch(request.match_info["camera"], quote(path))
        if status != 200:
            raise web.HTTPNotFound(text="this picture is not kept any more")
        return web.Response(body=data, content_type=kind, headers={**_HEADERS, "Cache-Control": "private, max-age=3600"})

    async def _fetch(self, camera: str, path: str) -> tuple[int, bytes, str]:
        """Status, content and its type from where the pictures of a camera are."""
        base = self._board.media_url(camera)
        if base is None or self._session is None:
            raise web.HTTPNotFound(text="no picture of this camera yet")
        try:
            async with self._session.get(f"{base}/{path}") as answer:
                return answer.status, await answer.read(), answer.content_type
        except (aiohttp.ClientError, TimeoutError) as error:
            raise web.HTTPBadGateway(text="the worker of this camera does not answer") from error


def _server_sent(message: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(message) + b"\n\n"


def _file(name: str, kind: str) -> Any:
    data = (Path(__file__).parent / "page" / name).read_bytes()

    async def answer(request: web.Request) -> web.Response:  # noqa: ARG001 - aiohttp's signature
        return web.Response(body=data, content_type=kind, charset="utf-8", headers=_HEADERS)

    return answer
