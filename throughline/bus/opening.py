"""The bus that a site file asks for, opened and closed again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

from throughline.bus.embedded import EMBEDDED_BROKER_VARIABLE, EmbeddedBroker
from throughline.bus.kafka import KafkaBus
from throughline.settings.kafka import EMBEDDED, KafkaSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["open_bus"]


@contextlib.asynccontextmanager
async def open_bus(settings: KafkaSettings, metrics: Metrics) -> AsyncIterator[KafkaBus]:
    """A started bus; with ``bootstrap_servers: embedded`` it brings its broker along.

    The first in a tree of processes that asks for the embedded broker starts it, and names it in the environment; whoever
    opens a bus while it runs, in this process or in one started from it, shares it. So the first must be the last to close.

    Args:
        settings: Where Kafka is and how to speak to it.
        metrics: See `KafkaBus`.

    Raises:
        BusError: the broker cannot be reached, or the embedded one cannot be started.
    """
    async with contextlib.AsyncExitStack() as stack:
        servers = None
        if settings.bootstrap_servers == EMBEDDED:
            servers = os.environ.get(EMBEDDED_BROKER_VARIABLE)
            if servers is None:
                servers = (await stack.enter_async_context(EmbeddedBroker(settings.embedded_port))).bootstrap_servers
                os.environ[EMBEDDED_BROKER_VARIABLE] = servers
                stack.callback(os.environ.pop, EMBEDDED_BROKER_VARIABLE, None)
        bus = KafkaBus(settings, metrics, servers)
        stack.push_async_callback(bus.stop)
        await bus.start()
        yield bus
