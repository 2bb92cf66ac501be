"""Reading from a bus in tests, with generous deadlines."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence

from throughline.bus import Consumer, Record

__all__ = ["DEADLINE", "group", "next_offsets", "read_count", "until"]

DEADLINE = 60.0
"""Seconds after which a test gives up; nothing takes that long."""


async def read_count(consumer: Consumer, count: int) -> list[Record]:
    """Records until there are at least ``count``."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE):
        async for batch in consumer.records():
            records += batch
            if len(records) >= count:
                break
    return records


async def until(condition: Callable[[], bool]) -> None:
    """Waits for ``condition``."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what is waited for happens elsewhere, and tells nobody
            await asyncio.sleep(0.01)


def next_offsets(records: Sequence[Record]) -> dict[tuple[str, int], int]:
    """What to commit after ``records``."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}


def group() -> str:
    """A group of one's own."""
    return f"g{uuid.uuid4().hex}"
