"""RTSP 1.0 messages (RFC 2326) as text on a stream, with the binary packets that come between them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

__all__ = ["BadRequestError", "Interleaved", "Request", "Response", "TransportOffer", "read_message"]

_BODY_LIMIT = 65_536
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}


class BadRequestError(ValueError):
    """What came is not RTSP."""


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A packet that a client sent on the RTSP connection, such as a receiver report."""

    channel: int
    packet: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One request; names of headers are in lower case."""

    method: str
    url: str
    version: str = "RTSP/1.0"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> tuple[str, ...]:
        """Parts of the URL's path."""
        return tuple(unquote(part) for part in urlsplit(self.url).path.split("/") if part)

    @property
    def session(self) -> str | None:
        """Session id that the client names."""
        value = self.headers.get("session")
        return None if value is None else value.split(";")[0].strip()


@dataclass(frozen=True, slots=True)
class Response:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def encode(self, sequence: str) -> bytes:
        """The bytes to send; ``sequence`` is the request's CSeq."""
        body = self.body.encode()
        lines = [f"RTSP/1.0 {self.status} {_REASONS[self.status]}", f"CSeq: {sequence}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class TransportOffer:
    """One of the transports a client asks for in SETUP.

    Attributes:
        interleaved: Whether packets go over the RTSP connection.
        channels: Its channels (RTP, RTCP), or the client's UDP ports.
    """

    interleaved: bool
    channels: tuple[int, int]

    @classmethod
    def parse(cls, header: str) -> TransportOffer | None:
        """The first of the offered transports that this server has; none, if it has none of them."""
        for offer in header.split(","):
            protocol, *parameters = (part.strip() for part in offer.split(";"))
            values = dict(part.partition("=")[::2] for part in parameters)
            if "multicast" in values or values.get("mode", "PLAY").strip('"').upper() != "PLAY":
                continue
            if protocol.upper() == "RTP/AVP/TCP" and (channels := _pair(values.get("interleaved", "0-1"), 255)):
                return cls(True, channels)
            if protocol.upper() in ("RTP/AVP", "RTP/AVP/UDP") and (ports := _pair(values.get("client_port", ""), 65_535)):
                return cls(False, ports)
        return None


def _pair(text: str, limit: int) -> tuple[int, int] | None:
    first, _, second = text.partition("-")
    if not first.isdecimal() or not (second or "0").isdecimal():
        return None
    pair = int(first), int(second) if second else int(first) + 1
    return pair if max(pair) <= limit else None


async def read_message(reader: asyncio.StreamReader) -> Request | Interleaved:
    """The next request or packet.

    Raises:
        BadRequestError: it is neither.
        asyncio.IncompleteReadError: the client has closed the connection.
    """
    first = await reader.readexactly(1)
    while first in b"\r\n":
        first = await reader.readexactly(1)
    if first == b"$":
        head = await reader.readexactly(3)
        return Interleaved(head[0], await reader.readexactly(int.from_bytes(head[1:], "big")))
    try:
        text = (first + await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.LimitOverrunError as error:
        raise BadRequestError("the head of a request has no end") from error
    except UnicodeDecodeError as error:
        raise BadRequestError("a request is not text") from error
    request = _parse(text)
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > _BODY_LIMIT:
        raise BadRequestError(f"Content-Length {length}")
    await reader.readexactly(int(length))  # no method here has a body that matters
    return request


def _parse(text: str) -> Request:
    line, *rest = text.split("\r\n")
    parts = line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("RTSP/"):
        raise BadRequestError(f"{line!r} is not a request line")
    headers = {}
    for header in rest:
        name, colon, value = header.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    try:
        urlsplit(parts[1])
    except ValueError as error:
        raise BadRequestError(f"{parts[1]!r} is not a URL") from error
    return Request(parts[0], parts[1], parts[2], headers)
