"""Reaching the bus of a product that runs already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from throughline.bus.protocol import Bus, BusError
from throughline.commands._exit import CommandError
from throughline.settings import EMBEDDED, KafkaSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["attached_bus"]


@asynccontextmanager
async def attached_bus(settings: KafkaSettings, metrics: Metrics) -> AsyncIterator[Bus]:
    """A started bus to the Kafka of ``settings``; for the embedded broker, to the one another process has started.

    Raises:
        CommandError: no embedded broker is running.
        BusError: Kafka cannot be reached.
    """
    from throughline.bus import KafkaBus

    embedded = settings.bootstrap_servers == EMBEDDED
    servers = f"127.0.0.1:{settings.embedded_port}" if embedded else None
    bus = KafkaBus(settings, metrics, servers)
    try:
        try:
            await bus.start()
        except BusError as error:
            if embedded:
                raise CommandError(
                    f"no embedded broker answers on {servers}: is `throughline run` running "
                    "with this site file? (kafka.embedded_port says where it is looked for)"
                ) from error
            raise
        yield bus
    finally:
        await bus.stop()
