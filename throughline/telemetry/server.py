"""`/metrics`, `/healthz` and `/readyz` over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gzip
import socket
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from throughline.settings.telemetry import TelemetrySettings
from throughline.telemetry.metrics import Metrics

__all__ = ["Readiness", "TelemetryError", "TelemetryServer"]

_LOOP_CHECK_SECONDS: Final = 0.25


class TelemetryError(Exception):
    """Metrics cannot be served; the text names the setting and says what to do."""


class Readiness:
    """What each part of a process says about itself. Safe to use from any thread.

    A part is *ready* while it does its work, and *failed* when it never will again without a restart. A process without
    any part is not ready: it has not come far enough to name them.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, str | None] = {}  # None: ready
        self._failed: dict[str, str] = {}
        self._metrics: Metrics | None = None

    def set(self, part: str, ready: bool, why: str = "") -> None:
        """Says whether ``part`` is ready; ``why`` explains why not, without credentials."""
        self._waiting[part] = None if ready else why or "not ready"
        self._show(part)

    def fail(self, part: str, why: str) -> None:
        """Says that ``part`` is dead for good: `/healthz` fails from now on, so that whoever watches restarts the process."""
        self._failed[part] = why
        self.set(part, False, why)

    @property
    def waiting(self) -> dict[str, str]:
        """Why parts are not ready, by part; empty when all are."""
        if not self._waiting:
            return {"process": "still starting"}
        return {part: why for part, why in self._waiting.copy().items() if why is not None}

    @property
    def failed(self) -> dict[str, str]:
        """Why parts are dead for good, by part."""
        return self._failed.copy()

    def show_in(self, metrics: Metrics) -> None:
        """Keeps `part_ready` of ``metrics`` up to date from now on."""
        self._metrics = metrics
        for part in self._waiting.copy():
            self._show(part)

    def _show(self, part: str) -> None:
        if self._metrics is not None:
            self._metrics.part_ready.labels(part).set(self._waiting[part] is None)


class TelemetryServer:
    """Serves the metrics and the health of this process while it is entered.

    It runs in the event loop of the work it watches: an answer of `/healthz` proves that the loop turns. Values are
    rendered in a thread, since thousands of series take longer than a camera may wait.
    """

    def __init__(self, metrics: Metrics, readiness: Readiness, settings: TelemetrySettings) -> None:
        self._metrics = metrics
        self._readiness = readiness
        self._settings = settings
        self._runner: web.AppRunner | None = None
        self._loop_watch: asyncio.Task[None] | None = None
        self._renderer = ThreadPoolExecutor(1, "metrics")  # its own: busy default threads must not hide the metrics
        readiness.show_in(metrics)

    async def __aenter__(self) -> Self:
        """Starts listening.

        Raises:
            TelemetryError: the address cannot be used.
        """
        application = web.Application()
        application.router.add_get("/metrics", self._serve_metrics)
        application.router.add_get("/healthz", self._serve_health)
        application.router.add_get("/readyz", self._serve_readiness)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._settings.host, self._settings.port).start()
        except OSError as error:
            await runner.cleanup()
            raise TelemetryError(_explain(error, self._settings)) from error
        self._runner = runner
        self._loop_watch = asyncio.create_task(self._watch_loop(), name="event loop watch")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stops listening; answers under way get a second to end."""
        if self._loop_watch is not None:
            self._loop_watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop_watch
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._renderer.shutdown(wait=False)

    @property
    def port(self) -> int:
        """The port it listens on, also where the settings leave the choice.

        Raises:
            RuntimeError: it is not listening.
        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the telemetry server is not listening")
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """Base URL for this machine, such as ``http://127.0.0.1:9464``."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._settings.host, self._settings.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        compress = "gzip" in request.headers.get("Accept-Encoding", "")
        body = await asyncio.get_running_loop().run_in_executor(self._renderer, self._render, compress)
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4} | ({"Content-Encoding": "gzip"} if compress else {})
        return web.Response(body=body, headers=headers)

    def _render(self, compress: bool) -> bytes:
        text = self._metrics.exposition()
        return gzip.compress(text, compresslevel=1) if compress else text

    async def _serve_health(self, _: web.Request) -> web.Response:
        failed = self._readiness.failed
        return web.json_response({"healthy": not failed, "failed": failed}, status=503 if failed else 200)

    async def _serve_readiness(self, _: web.Request) -> web.Response:
        waiting = self._readiness.waiting
        return web.json_response({"ready": not waiting, "waiting": waiting}, status=503 if waiting else 200)

    async def _watch_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOP_CHECK_SECONDS
            await asyncio.sleep(_LOOP_CHECK_SECONDS)
            self._metrics.event_loop_delay.observe(max(0.0, loop.time() - due))


def _explain(error: OSError, settings: TelemetrySettings) -> str:
    address = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return f"telemetry.port: {address} is in use by another process; choose another port, or 0 for any free one"
    if error.errno == errno.EACCES:
        return f"telemetry.port: this user may not listen on {address}; choose a port from 1024 on"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return (
            f"telemetry.host: {settings.host} is no address of this machine; 127.0.0.1 serves this machine, 0.0.0.0 the network"
        )
    return f"telemetry.host, telemetry.port: cannot listen on {address}: {error.strerror or error}"
