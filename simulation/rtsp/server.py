"""RTSP 1.0 (RFC 2326) server of live cameras."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from simulation.rtsp.authorisation import Authorisation
from simulation.rtsp.camera import RtspCamera
from simulation.rtsp.requests import BadRequestError, Interleaved, Request, Response, TransportOffer, read_message
from simulation.rtsp.transports import InterleavedDelivery, UdpDelivery
from simulation.rtsp.viewer import Viewer
from throughline.times import Instant

__all__ = ["RtspServer"]

_PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER"
_TRACK = "trackID=0"


class RtspServer:
    """Serves cameras that share one time zero: the moment the server was entered.

    >>> async with RtspServer([RtspCamera("c01", Path("a.mp4"))]) as server:
    ...     print(server.url("c01"))

    Args:
        cameras: What to serve, each under its name.
        host: Address to listen on.
        port: Port to listen on; 0: any free one.
        authorisation: Whom to let in; default: everyone.
        session_timeout: Seconds of silence after which a client is taken for gone.
        buffer: Bytes that may wait for one slow client; beyond that its packets are dropped, and counted.
        speed: Seconds of the cameras' time that pass in a second: they play, and their clocks go, so much faster.
        zero: What the cameras' clocks show at time zero; default: the time. At a speed above 1 a start in the past keeps them
            from running ahead of the time, which viewers do not believe.
    """

    def __init__(
        self,
        cameras: Sequence[RtspCamera],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        authorisation: Authorisation | None = None,
        session_timeout: float = 60.0,
        buffer: int = 4_000_000,
        speed: float = 1.0,
        zero: Instant | None = None,
    ) -> None:
        if not 0.0 < speed < math.inf:
            raise ValueError(f"a speed of {speed:g} is not above 0")
        self._cameras = {camera.name: camera for camera in cameras}
        if len(self._cameras) != len(cameras):
            raise ValueError("two cameras have one name")
        self.host = host
        self.port = port
        self.zero: Instant = 0
        """What the cameras' clocks show at time zero."""
        self.started: Instant = 0
        """UTC of time zero."""
        self.speed = speed
        """Seconds of the cameras' time that pass in a second."""
        self._wanted_zero = zero
        self._start = 0.0
        self.authorisation = authorisation
        self.session_timeout = session_timeout
        self.buffer = buffer
        self._server: asyncio.Server | None = None
        self._playing: list[asyncio.Task[None]] = []
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.started, self._start = time.time_ns() // 1000, asyncio.get_running_loop().time()
        self.zero = self.started if self._wanted_zero is None else self._wanted_zero
        for camera in self._cameras.values():
            playing = camera.run(self.zero, self._start, self.speed)
            self._playing.append(asyncio.create_task(playing, name=f"camera {camera.name}"))
        await asyncio.sleep(0)  # every camera knows its epoch from here on
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._playing:
            task.cancel()
        for writer in self._connections.values():
            writer.transport.abort()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        for outcome in await asyncio.gather(*self._playing, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome  # a camera that failed has been silent since

    @property
    def seconds(self) -> float:
        """Seconds of the cameras' time since time zero."""
        return (asyncio.get_running_loop().time() - self._start) * self.speed

    @property
    def cameras(self) -> tuple[RtspCamera, ...]:
        """All cameras."""
        return tuple(self._cameras.values())

    def camera(self, name: str) -> RtspCamera:
        """The camera with this name, to give it faults."""
        return self._cameras[name]

    def find(self, name: str) -> RtspCamera | None:
        """The camera with this name, if there is one."""
        return self._cameras.get(name)

    def url(self, name: str) -> str:
        """Where a camera is served."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"rtsp://{host}:{self.port}/{self.camera(name).name}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs it in one
        self._connections[task] = writer
        connection = _Connection(self, reader, writer)
        try:
            await connection.run()
        finally:
            connection.end_session()
            writer.close()
            del self._connections[task]


class _Connection:
    """One client, with at most one session."""

    def __init__(self, server: RtspServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._silence = asyncio.timeout(server.session_timeout)
        self._session: str | None = None
        self._camera: RtspCamera | None = None
        self._viewer: Viewer | None = None
        self._playing = False
        self._methods: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._teardown,
            "GET_PARAMETER": self._get_parameter,
        }

    async def run(self) -> None:
        """Answers until the client goes, falls silent or talks nonsense."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            async with self._silence:
                while True:
                    try:
                        message = await read_message(self._reader)
                    except BadRequestError:
                        self._writer.write(Response(400).encode("0"))
                        return
                    self._listen()
                    if isinstance(message, Interleaved):
                        continue
                    if self._writer.transport.get_write_buffer_size() > 2 * self._server.buffer:
                        return  # it asks, and never reads the answers
                    response = await self._answer(message)
                    self._writer.write(response.encode(message.headers.get("cseq", "0")))
                    if message.method == "TEARDOWN" and response.status == 200:
                        return

    def _listen(self) -> None:
        """Notes a sign of life."""
        if not self._silence.expired():
            self._silence.reschedule(asyncio.get_running_loop().time() + self._server.session_timeout)

    def end_session(self) -> None:
        """Stops playing and forgets the session."""
        if self._viewer is not None and self._camera is not None:
            self._camera.leave(self._viewer)
            if isinstance(self._viewer.delivery, UdpDelivery):
                self._viewer.delivery.close()
        self._session = self._camera = self._viewer = None
        self._playing = False

    async def _answer(self, request: Request) -> Response:
        if request.version != "RTSP/1.0":
            return Response(505)
        if required := request.headers.get("require"):
            return Response(551, {"Unsupported": required})
        method = self._methods.get(request.method)
        if method is None:
            return Response(501, {"Public": _PUBLIC})
        if (asked := self._named_camera(request)) is not None and asked.away and request.method != "OPTIONS":
            asked.counts["refused"] += 1
            return Response(503)
        authorisation = self._server.authorisation
        if authorisation is not None and request.method != "OPTIONS" and not authorisation.accepts(request):
            return Response(401, {"WWW-Authenticate": authorisation.challenge})
        return await method(request)

    def _named_camera(self, request: Request) -> RtspCamera | None:
        path = request.path
        if not path or path[1:] not in ((), (_TRACK,)):
            return None
        return self._server.find(path[0])

    def _refusal(self, request: Request) -> Response | None:
        """Why a request about the session cannot be met, if it cannot."""
        if self._session is None or request.session != self._session:
            return Response(454)
        if self._named_camera(request) is not self._camera:
            return Response(404)
        return None

    async def _options(self, request: Request) -> Response:  # noqa: ARG002 - one signature for all methods
        return Response(headers={"Public": _PUBLIC})

    async def _describe(self, request: Request) -> Response:
        camera = self._named_camera(request)
        if camera is None:
            return Response(404)
        headers = {"Content-Type": "application/sdp", "Content-Base": request.url.rstrip("/") + "/"}
        return Response(headers=headers, body=camera.sdp())

    async def _setup(self, request: Request) -> Response:
        camera = self._named_camera(request)
        if camera is None:
            return Response(404)
        if self._session is not None:
            if request.session not in (None, self._session):
                return Response(454)
            if self._playing:
                return Response(455, {"Allow": "OPTIONS, DESCRIBE, PLAY, PAUSE, TEARDOWN, GET_PARAMETER"})
            self.end_session()  # another transport for a session that has not begun
        elif request.session is not None:
            return Response(454)
        offer = TransportOffer.parse(request.headers.get("transport", ""))
        if offer is None:
            return Response(461)
        first, second = offer.channels
        if offer.interleaved:
            self._viewer = camera.admit(InterleavedDelivery(self._writer, offer.channels, self._server.buffer))
            transport = f"RTP/AVP/TCP;unicast;interleaved={first}-{second}"
        else:
            address = self._writer.get_extra_info("peername")[0]
            delivery = UdpDelivery(self._writer, (address, first, second), self._listen)
            await delivery.open(self._writer.get_extra_info("sockname")[0])
            self._viewer = camera.admit(delivery)
            transport = f"RTP/AVP;unicast;client_port={first}-{second};server_port={delivery.ports[0]}-{delivery.ports[1]}"
        self._camera = camera
        self._session = secrets.token_hex(8)
        ssrc = f";ssrc={self._viewer.stream.ssrc:08X}"
        timeout = max(1, int(self._server.session_timeout))
        return Response(headers={"Session": f"{self._session};timeout={timeout}", "Transport": transport + ssrc})

    async def _play(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        assert self._camera is not None  # noqa: S101 - there is a session
        assert self._viewer is not None  # noqa: S101 - there is a session
        if not self._playing:
            self._camera.join(self._viewer)
            self._playing = True
        return Response(headers={"Session": str(self._session), "Range": "npt=now-"})

    async def _pause(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        assert self._camera is not None  # noqa: S101 - there is a session
        assert self._viewer is not None  # noqa: S101 - there is a session
        if not self._playing:
            return Response(455, {"Allow": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"})
        self._camera.leave(self._viewer)
        self._playing = False
        return Response(headers={"Session": str(self._session)})

    async def _teardown(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        headers = {"Session": str(self._session)}
        self.end_session()
        return Response(headers=headers)

    async def _get_parameter(self, request: Request) -> Response:
        """Asked for nothing, as a sign of life."""
        if request.session is not None and (refusal := self._refusal(request)) is not None:
            return refusal
        return Response(headers={} if self._session is None else {"Session": self._session})
