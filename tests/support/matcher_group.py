"""Matchers in processes of their own on a real Kafka, for what kills them, and traffic that goes on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from matcher import Matcher
from matcher.state import packed_state_of
from tests.support.bus import DEADLINE
from tests.support.traffic import drive, streamed
from throughline.bus import BusError, KafkaBus, Pipeline, Place
from throughline.messages import MatcherRecord, Progress, decode_record, encode_json
from throughline.settings import Site
from throughline.settings.site import dump_site
from throughline.telemetry.metrics import Metrics

__all__ = [
    "Load",
    "Members",
    "bus_of",
    "count",
    "home",
    "log",
    "members",
    "publish",
    "uninterrupted",
    "until_it_grows",
    "until_logged",
    "whole_log",
]

_REPOSITORY = Path(__file__).resolve().parents[2]


class Members:
    """Matchers of one group.

    Args:
        files: Their site files.
        errors: What they have to say is written there; default: to this process's standard error.
    """

    def __init__(self, files: Sequence[Path], errors: Path | None = None) -> None:
        self._files, self._errors = [str(file) for file in files], errors
        self.running: list[asyncio.subprocess.Process] = []

    async def start(self) -> asyncio.subprocess.Process:
        """Returns when it has begun to work, which is before it is given anything to do."""
        with contextlib.ExitStack() as stack:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.support.matcher_member",
                *self._files,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if self._errors is None else stack.enter_context(self._errors.open("ab")),
                cwd=_REPOSITORY,
            )
        self.running.append(process)
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), DEADLINE) == b"working\n"
        return process

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """As a power cut would."""
        self.running.remove(process)
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def finish(self, process: asyncio.subprocess.Process) -> None:
        """Lets it end in good order."""
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
        self.running.remove(process)


@contextlib.asynccontextmanager
async def members(sites: Sequence[Site], folder: Path, errors: Path | None = None) -> AsyncIterator[Members]:
    """A group of matchers, empty at first; whoever is still there at the end is killed."""
    files = [folder / f"{site.site}.yaml" for site in sites]
    for file, site in zip(files, sites, strict=True):
        file.write_text(dump_site(site))
    found = Members(files, errors)
    try:
        yield found
    finally:
        for process in list(found.running):
            await found.kill(process)


@contextlib.asynccontextmanager
async def bus_of(site: Site) -> AsyncIterator[KafkaBus]:
    """A bus on the site's Kafka."""
    bus = KafkaBus(site.kafka, Metrics())
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def home(bus: KafkaBus, site: Site, topic: str) -> Place:
    """The site's partition of ``tracklets`` or ``matches``."""
    name = site.kafka.topic(topic)
    return name, await bus.partition_of(name, site.site)


async def log(bus: KafkaBus, site: Site, topic: str = "matches") -> list[bytes]:
    """All that is committed of a site."""
    place = await home(bus, site, topic)
    return [r.value or b"" async for batch in bus.read(place, 0) for r in batch if r.key == site.site.encode()]


async def uninterrupted(bus: KafkaBus, site: Site) -> tuple[list[bytes], bytes]:
    """The events that an uninterrupted matcher makes of the tracklets on Kafka, and what it has become then."""
    matcher = Matcher(site)
    records = [decode_record(value) for value in await log(bus, site, "tracklets")]
    events = [encode_json(event) for record in records for event in matcher.process(record)]
    return events, packed_state_of(matcher)


async def whole_log(bus: KafkaBus, site: Site) -> list[bytes]:
    """The events that an uninterrupted matcher makes of the tracklets on Kafka."""
    return (await uninterrupted(bus, site))[0]


async def count(bus: KafkaBus, site: Site) -> int:
    """How far the log of matches has come, transactions' own marks included."""
    place = await home(bus, site, "matches")
    return (await bus.end_offsets([place]))[place]


async def until_it_grows(bus: KafkaBus, site: Site) -> None:
    """Somebody decides and commits."""
    before = await count(bus, site)
    async with asyncio.timeout(DEADLINE):
        while await count(bus, site) == before:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)


async def until_logged(bus: KafkaBus, site: Site, least: int, seconds: float = DEADLINE) -> list[bytes]:
    """The whole log, once there is as much; never waits for what must not come."""
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(BusError):
                if len(found := await log(bus, site)) >= least:
                    return found
            await asyncio.sleep(0.1)


async def publish(bus: KafkaBus, site: Site, records: Sequence[MatcherRecord]) -> None:
    """All at once."""
    async with Pipeline(bus, site.kafka, Metrics()) as pipeline:
        for record in records:
            await pipeline.room()
            pipeline.send(record)


class Load:
    """A site's records, sent at a steady pace until there is no need any more; then the footage ends.

    Args:
        bus: Where to.
        site: Whose records.
        seed: Of the traffic.
        pace: Records a second.
        vehicles: As many as there can be; each makes about forty records.
    """

    def __init__(self, bus: KafkaBus, site: Site, seed: int, pace: float = 300.0, vehicles: int = 600) -> None:
        self._bus, self._site, self._pause = bus, site, 15.0 / pace
        self._records = streamed(site, drive(site, vehicles, seed=seed), step=1.0)
        self._enough = asyncio.Event()
        self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        cameras, last = self._site.cameras, 0
        async with Pipeline(self._bus, self._site.kafka, Metrics()) as pipeline:
            for start in range(0, len(self._records) - len(cameras), 15):
                if self._enough.is_set():
                    break
                some = self._records[start : start + 15]
                await self._give(pipeline, some)
                last = max([last, *(record.complete_to for record in some if isinstance(record, Progress))])
                await asyncio.sleep(self._pause)
            else:
                raise AssertionError("the load was over before what it was for")
            await self._give(pipeline, [Progress(self._site.site, camera.id, last, end_of_stream=True) for camera in cameras])

    @staticmethod
    async def _give(pipeline: Pipeline, records: Sequence[MatcherRecord]) -> None:
        for record in records:
            await pipeline.room()
            pipeline.send(record)

    async def end(self) -> None:
        """Ends it; returns when all is on Kafka."""
        self._enough.set()
        await self._task
