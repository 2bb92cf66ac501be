"""Starts and stops the embedded broker's process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from types import TracebackType
from typing import Final, Self

from throughline.bus.protocol import BusError

__all__ = ["EMBEDDED_BROKER_VARIABLE", "EmbeddedBroker"]

EMBEDDED_BROKER_VARIABLE: Final = "THROUGHLINE_EMBEDDED_BROKER"
"""Environment variable with the address of the embedded broker that a parent process has started."""

_READY_SECONDS = 30.0
_STOP_SECONDS = 5.0


class EmbeddedBroker:
    """The broker as an asynchronous context manager. It ends with this process, however this process ends.

    Args:
        port: Loopback port at which any Kafka client finds it; 0: any free one.
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._servers = ""

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for any Kafka client on this machine; empty before the start."""
        return self._servers

    async def __aenter__(self) -> Self:
        """Starts it and waits until it answers.

        Raises:
            BusError: the port is taken, or the broker cannot run here.
        """
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "throughline.bus.embedded", "--port", str(self._port), "--until-stdin-ends"),
            stdin=asyncio.subprocess.PIPE,  # closed by the operating system when this process ends: then the broker ends
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: the broker must outlive those who still publish
        )
        try:
            line = await asyncio.wait_for(self._first_line(self._process), _READY_SECONDS)
        except TimeoutError as error:
            await self._end()
            raise BusError(f"the embedded broker did not start within {_READY_SECONDS:g} s") from error
        except BaseException:
            await self._end()
            raise
        state, _, text = line.partition(" ")
        if state != "ready":
            await self._end()
            raise BusError(text or "the embedded broker ended before it was ready: is confluent-kafka installed as it should be?")
        self._servers = text
        return self

    @staticmethod
    async def _first_line(process: asyncio.subprocess.Process) -> str:
        return "" if process.stdout is None else (await process.stdout.readline()).decode().strip()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
