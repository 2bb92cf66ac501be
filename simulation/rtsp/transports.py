"""How packets reach a client: interleaved on its RTSP connection, or over UDP."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Callable

__all__ = ["InterleavedDelivery", "UdpDelivery"]

_PORT_TRIES = 50


class InterleavedDelivery:
    """RTP and RTCP on the client's RTSP connection.

    Args:
        writer: The connection.
        channels: Numbers of the RTP and the RTCP channel.
        limit: Bytes that may wait for a slow client before it is congested.
    """

    def __init__(self, writer: asyncio.StreamWriter, channels: tuple[int, int], limit: int) -> None:
        self._writer = writer
        self._channels = channels
        self._limit = limit

    @property
    def closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self._writer.is_closing()

    @property
    def congested(self) -> bool:
        """Whether more than ``limit`` bytes wait."""
        return self._writer.transport.get_write_buffer_size() > self._limit

    @property
    def ordered(self) -> bool:
        """It is one stream of bytes."""
        return True

    def send_rtp(self, packets: list[bytes]) -> None:
        """Sends the packets of one access unit in one write."""
        head = b"$" + bytes(self._channels[:1])
        self._writer.write(b"".join(head + len(packet).to_bytes(2, "big") + packet for packet in packets))

    def send_rtcp(self, packet: bytes) -> None:
        """Sends a report."""
        self._writer.write(b"$" + bytes(self._channels[1:]) + len(packet).to_bytes(2, "big") + packet)

    def abort(self) -> None:
        """Resets the connection."""
        self._writer.transport.abort()


class UdpDelivery:
    """RTP and RTCP from a pair of UDP ports of its own.

    Args:
        connection: The client's RTSP connection, which ends with the session.
        client: Address and the RTP and RTCP ports of the client.
        heard: Called whenever the client sends something to the server's ports.
    """

    def __init__(self, connection: asyncio.StreamWriter, client: tuple[str, int, int], heard: Callable[[], None]) -> None:
        self._connection = connection
        self._address = client[0]
        self._client_ports = client[1:]
        self._media = _Listener(heard)
        self._reports = _Listener(heard)
        self._transports: list[asyncio.DatagramTransport] = []
        self.ports: tuple[int, int] = (0, 0)
        """The server's ports."""

    async def open(self, host: str) -> None:
        """Binds the ports on ``host``."""
        loop = asyncio.get_running_loop()
        for endpoint, listener in zip(_port_pair(host), (self._media, self._reports), strict=True):
            transport, _ = await loop.create_datagram_endpoint(functools.partial(_itself, listener), sock=endpoint)
            self._transports.append(transport)
        rtp, rtcp = (transport.get_extra_info("sockname")[1] for transport in self._transports)
        self.ports = rtp, rtcp

    @property
    def closing(self) -> bool:
        """Whether the session is over."""
        return self._connection.is_closing() or any(transport.is_closing() for transport in self._transports)

    @property
    def congested(self) -> bool:
        """Whether the socket has not taken the last packets yet."""
        return self._media.paused

    @property
    def ordered(self) -> bool:
        """Each datagram goes its own way."""
        return False

    def send_rtp(self, packets: list[bytes]) -> None:
        """Sends each packet as a datagram."""
        for packet in packets:
            self._transports[0].sendto(packet, (self._address, self._client_ports[0]))

    def send_rtcp(self, packet: bytes) -> None:
        """Sends a report."""
        self._transports[1].sendto(packet, (self._address, self._client_ports[1]))

    def close(self) -> None:
        """Gives the ports back."""
        for transport in self._transports:
            transport.close()

    def abort(self) -> None:
        """Resets the RTSP connection and gives the ports back."""
        self._connection.transport.abort()
        self.close()


class _Listener(asyncio.DatagramProtocol):
    """Receiver reports, and what clients send to open firewalls; a client that has closed its port may be told of by errors."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self.paused = False

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:  # noqa: ARG002 - the protocol's signature
        self._heard()


def _itself(listener: _Listener) -> _Listener:
    return listener


def _port_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Sockets on an even port and the odd one after it (RFC 3550, section 11)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(_PORT_TRIES):
        rtp = socket.socket(family, socket.SOCK_DGRAM)
        rtcp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            rtp.bind((host, 0))
            port = rtp.getsockname()[1]
            if port % 2 == 0:
                rtcp.bind((host, port + 1))
                rtp.setblocking(False)
                rtcp.setblocking(False)
                return rtp, rtcp
        except OSError:
            pass  # taken: try another
        rtp.close()
        rtcp.close()
    raise OSError(f"no pair of UDP ports is free on {host}")
