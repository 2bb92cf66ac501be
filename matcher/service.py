"""The matcher on Kafka: records of sites in, match events out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor

import structlog

from matcher.candidates import Ranking
from matcher.delivery import AtLeastOnce, ExactlyOnce
from throughline.bus.protocol import Bus
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics

__all__ = ["ElsewhereError", "MatcherService"]

log = structlog.get_logger(__name__)


class ElsewhereError(Exception):
    """Another matcher decides for a site, or none does."""


class MatcherService:
    """Matches the sites that it has settings for, as far as they are its own: services of one group share them.

    On a Kafka with transactions every event is published exactly once, whatever dies (`ExactlyOnce`). The embedded broker has
    none: there an event may stand in the topic twice after a crash, with one id (`AtLeastOnce`).

    Args:
        bus: A started bus.
        sites: The sites, which share a Kafka; every service of a group has the same ones.
        metrics: Of this process.
        group: Consumer group; default: ``<prefix>.matcher``.
        own_process: Decide in a process of its own for each site; see `MatcherWorker`.
    """

    def __init__(
        self, bus: Bus, sites: Sequence[Site], metrics: Metrics, group: str | None = None, *, own_process: bool = False
    ) -> None:
        group = group or f"{sites[0].kafka.prefix}.matcher"
        self._services: list[AtLeastOnce] | list[ExactlyOnce]
        if bus.capabilities.transactions:
            self._services = [ExactlyOnce(bus, sites, metrics, group, own_process=own_process)]
        else:
            log.info("this Kafka has no transactions: after a crash an event may be published twice, with one id")
            self._services = [AtLeastOnce(bus, site, metrics, f"{group}.{site.site}", own_process=own_process) for site in sites]

    @property
    def ready(self) -> bool:
        """Whether it reads and decides."""
        return all(service.ready for service in self._services)

    async def candidates(self, site: str, tracklet: str, limit: int) -> Ranking | None:
        """What a tracklet could be joined to, as weighed now.

        Args:
            site: Site id.
            tracklet: Tracklet id.
            limit: Candidates at most.

        Returns:
            None if the tracklet is not in memory, or not any more.

        Raises:
            ElsewhereError: this service does not decide for the site, or not yet.
        """
        for service in self._services:
            worker = service.worker(site)
            if worker is not None:
                try:
                    return await worker.candidates(tracklet, limit)
                except (BrokenExecutor, RuntimeError) as error:  # it ends just now
                    raise ElsewhereError(f"the matcher of {site} is being started again: ask once more") from error
        raise ElsewhereError(f"the matcher of {site} is not in this process, or has not begun: another of its group may have it")

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set.

        Raises:
            BusError: Kafka cannot be reached at the start, refuses the group, or did not take something: call a new one.
        """
        tasks = [asyncio.create_task(service.run(stop)) for service in self._services]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
