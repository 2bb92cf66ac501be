"""Matchers killed, hung and cut off from Kafka at random moments under load: is the log of events that of an uninterrupted run?

``python -m benchmarks.matcher_faults --rounds 30`` starts an Apache Kafka and two matchers that share four sites, sends them
traffic that does not stop, and in each round does something to one of the matchers, or to Kafka: SIGKILL at a random moment, its
start, its joining the group and the reading of its snapshot included; SIGSTOP for longer than the group waits for a member, then
SIGCONT, so that it wakes up in the midst of what is another's by then; SIGKILL of the broker, which is started again. After each
it measures how long it took until what came half a second later was decided and committed, for every site. At the end it decides
once more on all tracklets, in one go and in this process, and compares the events byte for byte. Exit code 1: they differ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import statistics
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.kafka import KafkaServer
from tests.support.matcher_group import Load, Members, bus_of, home, log, members, until_it_grows, until_logged, whole_log
from tests.support.traffic import chain_site
from throughline.bus import BusError, KafkaBus
from throughline.settings import Site

__all__ = ["main"]

_PATIENCE = 120.0
_SHORTLY = 0.5
_ROUND_SECONDS = 25.0
"""Traffic is made for rounds of this length, on average; it ends with the last round."""


def main() -> int:
    """Runs the rounds and prints what came of them."""
    options = _options()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that is away is no news here
    with tempfile.TemporaryDirectory() as folder:
        try:
            server = KafkaServer(Path(folder))
        except (pytest.skip.Exception, pytest.fail.Exception) as reason:
            print(reason)
            return 2
        server.start()
        try:
            result = asyncio.run(_Trial(options, server, Path(folder)).run())
        finally:
            server.stop()
    _print(result)
    if options.json:
        print(json.dumps(result))
    return 0 if result["differing"] == result["missing"] == result["doubled"] == 0 else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12, help="faults, one after the other")
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--pace", type=float, default=100.0, help="records a second and site")
    parser.add_argument("--session-timeout", type=float, default=6.0, help="seconds after which the group misses a member")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class _Trial:
    def __init__(self, options: argparse.Namespace, server: KafkaServer, folder: Path) -> None:
        self._options, self._server, self._folder = options, server, folder
        self._random = Random(options.seed)
        self._sites = _sites(options, server)
        self._recovery: dict[str, list[float]] = defaultdict(list)
        self._faults: tuple[tuple[str, Callable[[KafkaBus, Members], Awaitable[float]]], ...] = (
            ("matcher killed at work (SIGKILL)", self._kill_at_work),
            ("matcher killed as it starts (SIGKILL)", self._kill_at_start),
            ("matcher killed at work (SIGKILL)", self._kill_at_work),
            ("matcher hung (SIGSTOP) until the other had its sites, then went on", self._hang),
            ("matcher killed at work (SIGKILL)", self._kill_at_work),
            ("Kafka killed (SIGKILL) and started again", self._kill_kafka),
        )

    async def run(self) -> dict[str, Any]:
        options = self._options
        vehicles = round(100 + options.rounds * _ROUND_SECONDS * options.pace / 40)
        async with bus_of(self._sites[0]) as bus, members(self._sites, self._folder, self._folder / "matchers.log") as running:
            loads = [Load(bus, site, options.seed + place, options.pace, vehicles) for place, site in enumerate(self._sites)]
            await running.start()
            await running.start()
            for site in self._sites:
                await until_it_grows(bus, site)
            for number in range(options.rounds):
                name, fault = self._faults[number % len(self._faults)]
                seconds = await fault(bus, running)
                self._recovery[name].append(seconds)
                print(f"{number + 1}/{options.rounds}: {name}: {seconds:.1f} s", flush=True)
            for load in loads:
                await load.end()
            return await self._compare(bus)

    async def _kill_at_work(self, bus: KafkaBus, running: Members) -> float:
        await until_it_grows(bus, self._random.choice(self._sites))
        await asyncio.sleep(self._random.uniform(0.0, 1.5))
        seconds = await self._kill(running.running[0], bus, running)  # who has been at it for longest
        await running.start()
        return seconds

    async def _kill(self, victim: asyncio.subprocess.Process, bus: KafkaBus, running: Members) -> float:
        began = time.monotonic()
        await running.kill(victim)
        return await self._until_it_works(bus, began)

    async def _kill_at_start(self, bus: KafkaBus, running: Members) -> float:
        await running.kill(self._random.choice(running.running))
        victim = await running.start()
        await asyncio.sleep(self._random.uniform(0.0, self._options.session_timeout + 2.0))
        seconds = await self._kill(victim, bus, running)
        await running.start()
        return seconds

    async def _hang(self, bus: KafkaBus, running: Members) -> float:
        victim = self._random.choice(running.running)
        await asyncio.sleep(self._random.uniform(0.0, 1.5))
        began = time.monotonic()
        victim.send_signal(signal.SIGSTOP)
        try:
            seconds = await self._until_it_works(bus, began)
        finally:
            victim.send_signal(signal.SIGCONT)
        await self._until_it_works(bus, time.monotonic())
        return seconds

    async def _kill_kafka(self, bus: KafkaBus, running: Members) -> float:
        await asyncio.sleep(self._random.uniform(0.0, 1.5))
        self._server.kill()
        self._server.launch()
        await asyncio.to_thread(self._server.wait_until_ready)
        if any(member.returncode is not None for member in running.running):
            raise SystemExit(f"Kafka's death ended a matcher:\n{self._last_words()}")
        return await self._until_it_works(bus, time.monotonic())  # what Kafka itself takes to start is not counted

    async def _until_it_works(self, bus: KafkaBus, began: float) -> float:
        """Seconds since ``began`` when all that came by shortly after it, of every site, has been decided and committed."""
        await asyncio.sleep(_SHORTLY)
        goal = await bus.end_offsets({await home(bus, site, "tracklets") for site in self._sites})
        group = f"{self._sites[0].kafka.prefix}.matcher"
        while time.monotonic() < began + _PATIENCE:
            with suppress(BusError):
                committed = await bus.committed(group, goal)
                if all((committed[place] or 0) >= offset for place, offset in goal.items()):
                    return time.monotonic() - began
            await asyncio.sleep(0.05)
        raise SystemExit(f"not back within {_PATIENCE:g} s; the matchers' last words:\n{self._last_words()}")

    def _last_words(self) -> str:
        return (self._folder / "matchers.log").read_text(errors="replace")[-3000:]

    async def _compare(self, bus: KafkaBus) -> dict[str, Any]:
        counts: Counter[str] = Counter()
        for site in self._sites:
            expected = await whole_log(bus, site)
            found = await until_logged(bus, site, len(expected), _PATIENCE)
            counts["tracklet records"] += len(await log(bus, site, "tracklets"))
            counts["events"] += len(found)
            counts["differing"] += sum(1 for one, other in zip(found, expected, strict=False) if one != other)
            counts["missing"] += len(set(expected) - set(found))
            counts["doubled"] += len(found) - len(set(found))
        return {**counts, "recovery": dict(self._recovery)}


def _sites(options: argparse.Namespace, server: KafkaServer) -> list[Site]:
    site = chain_site(3, "confirm_after: 8, horizon: 60")
    changes = {
        "bootstrap_servers": server.bootstrap_servers,
        "prefix": f"t{uuid.uuid4().hex}",
        "partitions": options.sites,
        "session_timeout": options.session_timeout,
    }
    kafka = site.kafka.model_copy(update=changes)
    return [site.model_copy(update={"site": f"site{number}", "kafka": kafka}) for number in range(options.sites)]


def _print(result: dict[str, Any]) -> None:
    print("\n| fault | times | decided and committed again after, median | longest |")
    print("|---|---|---|---|")
    for name, seconds in result["recovery"].items():
        print(f"| {name} | {len(seconds)} | {statistics.median(seconds):.1f} s | {max(seconds):.1f} s |")
    print(
        f"\n{result['tracklet records']} records, {result['events']} events: {result['differing']} differ from those of an "
        f"uninterrupted run, {result['missing']} are missing, {result['doubled']} are doubled."
    )


if __name__ == "__main__":
    raise SystemExit(main())
