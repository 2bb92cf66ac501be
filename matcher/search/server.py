"""Searches over HTTP: ``POST /search``, ``GET /vehicles/<id>`` and ``GET /candidates/<tracklet>``."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Self, TypeAlias

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from matcher.candidates import Ranking
from matcher.search.answers import Answer, candidates_answer
from matcher.search.pictures import PictureError
from matcher.search.questions import Options, QuestionError, UnknownError, limit_of, options_of, parse_likeness
from matcher.search.service import SearchService
from matcher.service import ElsewhereError
from throughline.settings import SearchSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["Rank", "SearchServer", "SearchServerError"]

Rank: TypeAlias = Callable[[str, str, int], Awaitable[Ranking | None]]
"""Site id, tracklet id and how many are wanted, to what `matcher.service.MatcherService.candidates` answers."""

_AT_ONCE: Final = 4
"""Questions under way; more wait for their turn."""

_BODY_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


class SearchServerError(Exception):
    """Searches cannot be served; the text names the setting and says what to do."""


class SearchServer:
    """Serves the histories of one or more sites while it is entered.

    What is asked wrongly is answered by 400, what is not known by 404, a picture that is too large by 413, what only another
    process knows by 503, each with ``{"error": "..."}``.

    Args:
        services: The sites; where there are several, the parameter ``site`` says which is meant.
        settings: Address and bounds.
        metrics: Counts searches.
        rank: Asks the matcher for a tracklet's candidates.
    """

    def __init__(self, services: Sequence[SearchService], settings: SearchSettings, metrics: Metrics, rank: Rank) -> None:
        self._services = {service.site: service for service in services}
        self._settings, self._metrics, self._rank = settings, metrics, rank
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Base URL for this machine, such as ``http://127.0.0.1:9470``.

        Raises:
            RuntimeError: it is not listening.
        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the search server is not listening")
        return url_of(self._settings.host, int(self._runner.addresses[0][1]))

    async def __aenter__(self) -> Self:
        """Starts listening.

        Raises:
            SearchServerError: the address cannot be used.
        """
        application = web.Application(client_max_size=self._settings.max_picture, middlewares=[self._told])
        application.router.add_post("/search", self._search)
        application.router.add_get("/vehicles/{vehicle}", self._vehicle)
        application.router.add_get("/candidates/{tracklet}", self._candidates)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._settings.host, self._settings.port).start()
        except OSError as error:
            await runner.cleanup()
            raise SearchServerError(_explain(error, self._settings)) from error
        self._runner = runner
        log.info("searches are served", url=self.url, sites=sorted(self._services))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops listening; answers under way get a second to end."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _search(self, request: web.Request) -> web.Response:
        service, parameters = self._asked(request)
        try:
            options = options_of(parameters, service.cameras)
            body = await _body(request)
            began = time.perf_counter()
            async with self._turns:
                found = await _found(service, body, request.content_type, options)
        except (QuestionError, PictureError, UnknownError, web.HTTPException):
            self._metrics.searches.labels(service.site, "refused").inc()
            raise
        except Exception:
            self._metrics.searches.labels(service.site, "failed").inc()
            raise
        self._metrics.searches.labels(service.site, "answered").inc()
        self._metrics.search_seconds.labels(service.site).observe(time.perf_counter() - began)
        return _json(found)

    async def _vehicle(self, request: web.Request) -> web.Response:
        service, _ = self._asked(request)
        return _json(await service.vehicle(request.match_info["vehicle"]))

    async def _candidates(self, request: web.Request) -> web.Response:
        service, parameters = self._asked(request)
        for name in parameters:
            if name not in ("site", "limit"):
                raise QuestionError(f"{name}: there is no such parameter; there are site, limit")
        limit = limit_of(parameters.get("limit", [None])[0])
        tracklet = request.match_info["tracklet"]
        async with self._turns:  # decisions wait meanwhile
            ranking = await self._rank(service.site, tracklet, limit)
        if ranking is None:
            raise UnknownError(f"no tracklet {tracklet} can be joined: it is not known, or too long ago (matching.horizon)")
        return _json(candidates_answer(service.site, ranking))

    def _asked(self, request: web.Request) -> tuple[SearchService, Mapping[str, Sequence[str]]]:
        parameters = {name: request.query.getall(name) for name in request.query}
        site = parameters.get("site", [""])[0]
        if not site and len(self._services) == 1:
            return next(iter(self._services.values())), parameters
        if site not in self._services:
            raise QuestionError(f"site: expected one of {', '.join(sorted(self._services))}")
        return self._services[site], parameters

    @web.middleware
    async def _told(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every failure is told as JSON."""
        try:
            return await handler(request)
        except (QuestionError, PictureError) as error:
            return _failure(400, str(error))
        except UnknownError as error:
            return _failure(404, str(error))
        except ElsewhereError as error:
            return _failure(503, str(error))
        except web.HTTPRequestEntityTooLarge:
            return _failure(413, f"the picture is too large: at most {self._settings.max_picture} bytes (search.max_picture)")
        except web.HTTPException as error:
            return _failure(error.status, error.reason)
        except Exception as error:
            log.exception("a search failed")
            return _failure(500, f"the search failed: {error}")


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise QuestionError(f"the request's body did not come within {_BODY_SECONDS:g} s") from None
    if not body:
        raise QuestionError("the request has no body: expected a JPEG or PNG picture, or JSON")
    return body


async def _found(service: SearchService, body: bytes, content_type: str, options: Options) -> Answer:
    if content_type == "application/json":
        return await service.find_alike(parse_likeness(body), options)
    return await service.find_picture(body, options)


def url_of(host: str, port: int) -> str:
    """Where a server that listens on ``host`` is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _json(message: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(message), content_type="application/json", headers={"Cache-Control": "no-store"})


def _failure(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _explain(error: OSError, settings: SearchSettings) -> str:
    address = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return f"search.port: {address} is in use by another process; choose another port, or 0 for any free one"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"search.host: {settings.host} is no address of this machine; 127.0.0.1 serves this machine, 0.0.0.0 the network"
    return f"search.host, search.port: cannot listen on {address}: {error.strerror or error}"
