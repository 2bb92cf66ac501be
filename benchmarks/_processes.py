"""Processes under measurement: starting them, what they cost, and ending them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from throughline.telemetry.scrape import ready

__all__ = [
    "cpu_seconds",
    "first_json_line",
    "free_port",
    "python_process",
    "resident_megabytes",
    "wait_until",
    "wait_until_ready",
]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def python_process(arguments: Sequence[str], log: Path, *, output: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """Runs ``python ARGUMENTS`` with stderr in ``log``; ends it, politely first, on leaving."""
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen([sys.executable, *arguments], stdout=output, stderr=errors, text=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)  # a stopped process would not see the next signal
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            if process.stdout is not None:
                process.stdout.close()


def first_json_line(process: subprocess.Popen[str], log: Path) -> Any:
    """The first line that ``process`` prints, as JSON.

    Raises:
        RuntimeError: it ended without one; the text holds the end of its log.
    """
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise RuntimeError(f"process {process.pid} ended: {log.read_text()[-2000:]}")
    return json.loads(line)


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, that a process and its living descendants have used."""
    return sum(_cpu(member) for member in _family(pid))


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process and its living descendants."""
    return sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) * _PAGE / 1e6 for member in _family(pid))


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Any, seconds: float, what: str) -> float:
    """Waits for ``condition()`` to be true and gives the seconds it took.

    Raises:
        TimeoutError: it was not true in time.
    """
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if condition():
            return time.monotonic() - start
        time.sleep(0.1)
    raise TimeoutError(f"waited {seconds:g} s for {what}")


def wait_until_ready(product: subprocess.Popen[str], port: int, log: Path) -> None:
    """Waits for /readyz of a product that writes ``log``.

    Raises:
        RuntimeError: it ended, or was not ready in a minute; the text holds the end of its log.
    """
    try:
        wait_until(lambda: product.poll() is not None or ready(port), 60, "the product to be ready")
    except TimeoutError as error:
        raise RuntimeError(f"{error}: {log.read_text()[-2000:]}") from error
    if product.poll() is not None:
        raise RuntimeError(f"the product ended: {log.read_text()[-2000:]}")


def _family(pid: int) -> list[int]:
    members = [pid]
    for member in members:
        try:
            for thread in Path(f"/proc/{member}/task").iterdir():
                members += [int(child) for child in (thread / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return members


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
