"""An RTSP client that shows everything: statuses, headers, and each packet on the wire."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class RtpPacket:
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        first, kind, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", data)
        assert (first, kind & 0x7F) == (0x80, 96)
        return cls(sequence, timestamp, ssrc, bool(kind & 0x80), data[12:])


def depacketise(packets: Iterable[RtpPacket]) -> list[bytes]:
    """NAL units of complete packets, by RFC 6184."""
    nals: list[bytes] = []
    fragments: list[bytes] = []
    for packet in packets:
        if packet.payload[0] & 31 != 28:
            assert not fragments
            nals.append(packet.payload)
            continue
        indicator, header = packet.payload[:2]
        if header & 0x80:
            assert not fragments
            fragments = [bytes(((indicator & 0xE0) | (header & 0x1F),))]
        assert fragments
        fragments.append(packet.payload[2:])
        if header & 0x40:
            nals.append(b"".join(fragments))
            fragments = []
    assert not fragments
    return nals


class RtspClient:
    """One connection."""

    def __init__(self, url: str, receive_buffer: int | None = None) -> None:
        self.url = url
        self._receive_buffer = receive_buffer
        self._sequence = 0
        self.packets: list[tuple[int, bytes]] = []
        """(channel, packet) that came while answers were waited for."""

    async def __aenter__(self) -> Self:
        parts = urlsplit(self.url)
        connection = socket.socket()
        if self._receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (parts.hostname, parts.port))
        self.reader, self.writer = await asyncio.open_connection(sock=connection, limit=4096 if self._receive_buffer else 2**16)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def request(self, method: str, url: str | None = None, **headers: str) -> Answer:
        self._sequence += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self._sequence}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await self.answer()
        assert answer.headers["cseq"] == str(self._sequence)
        return answer

    async def answer(self) -> Answer:
        async with asyncio.timeout(20):
            while (first := await self.reader.readexactly(1)) == b"$":
                self.packets.append(await self._packet())
            head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
            return Answer(int(lines[0].split()[1]), headers, body.decode())

    async def _packet(self) -> tuple[int, bytes]:
        channel, size = struct.unpack(">BH", await self.reader.readexactly(3))
        return channel, await self.reader.readexactly(size)

    async def packet(self) -> tuple[int, bytes]:
        """The next (channel, packet)."""
        if self.packets:
            return self.packets.pop(0)
        async with asyncio.timeout(20):
            assert await self.reader.readexactly(1) == b"$"
            return await self._packet()

    async def is_cut_off(self) -> bool:
        """Whether the connection ends, after whatever still comes."""
        async with asyncio.timeout(20):
            try:
                await self.reader.read(-1)
            except ConnectionError:
                return True
        return self.reader.at_eof()

    async def play(self) -> str:
        """Sets up over TCP and plays; the session's id."""
        setup = await self.request("SETUP", self.url + "/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert setup.status == 200
        session = setup.headers["session"].split(";")[0]
        assert (await self.request("PLAY", Session=session)).status == 200
        return session
