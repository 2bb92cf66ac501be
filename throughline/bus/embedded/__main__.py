"""The embedded broker's process: ``python -m throughline.bus.embedded --port 9094``.

It prints one line, ``ready HOST:PORT`` or ``failed REASON``. librdkafka's broker listens on a port of its own choice, which its
metadata names; the forwarder makes it reachable at a port that people can know beforehand.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import sys

from confluent_kafka import KafkaException, Producer

_HOST = "127.0.0.1"
_CHUNK = 1 << 16
_START_SECONDS = 10.0


def main() -> int:
    """Serves until standard input ends or a signal comes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m throughline.bus.embedded", description="A Kafka broker for trying out.")
    parser.add_argument("--port", type=int, default=9094, help="loopback port at which clients find it; 0: any free one")
    parser.add_argument("--until-stdin-ends", action="store_true", help="also end when standard input does")
    arguments = parser.parse_args()
    try:
        broker = Producer({"bootstrap.servers": _HOST, "test.mock.num.brokers": 1, "log_level": 0})
        node = next(iter(broker.list_topics(timeout=_START_SECONDS).brokers.values()))
    except (KafkaException, StopIteration) as error:
        return _fail(f"the embedded broker cannot run here: {error}")
    try:
        return asyncio.run(_serve(arguments.port, node.host, node.port, until_stdin_ends=arguments.until_stdin_ends))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return _fail(f"the embedded broker cannot listen on {_HOST}:{arguments.port}: {error.strerror}")
        return _fail(
            f"port {arguments.port} for the embedded broker is taken: stop what uses it, or set kafka.embedded_port in the "
            "site file to another port, or to 0 for any free one"
        )


async def _serve(port: int, host: str, real_port: int, *, until_stdin_ends: bool) -> int:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            try:
                to_broker = await asyncio.open_connection(host, real_port)
                try:
                    await asyncio.gather(_copy(reader, to_broker[1]), _copy(to_broker[0], writer))
                finally:
                    to_broker[1].close()
            finally:
                writer.close()

    def stdin_ready() -> None:
        if not os.read(sys.stdin.fileno(), _CHUNK):
            end.set()

    server = await asyncio.start_server(forward, _HOST, port)
    if until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), stdin_ready)
    print(f"ready {_HOST}:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201 - the parent reads it
    await end.wait()
    server.close()
    return 0


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()


def _fail(reason: str) -> int:
    print(f"failed {reason}", flush=True)  # noqa: T201 - the parent reads it
    return 1


if __name__ == "__main__":
    sys.exit(main())
