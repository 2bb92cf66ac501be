"""What could not be processed is kept, with the reason, on a topic of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog

from throughline.bus.protocol import Bus, Headers, Record
from throughline.bus.topics import DEAD_LETTERS
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["DeadLetters"]

_Send: TypeAlias = Callable[[str, str, bytes | None, Headers], Awaitable[None]]

log = structlog.get_logger(__name__)


class DeadLetters:
    """Publishes records as they came, with headers that say what was wrong and where they came from.

    Args:
        bus: Where to.
        settings: For the topic's name.
        metrics: Counts ``dead_letters`` by topic and reason.
    """

    def __init__(self, bus: Bus, settings: KafkaSettings, metrics: Metrics) -> None:
        self._bus, self._topic, self._metrics = bus, settings.topic(DEAD_LETTERS), metrics

    async def publish(self, record: Record, reason: str, detail: str = "", send: _Send | None = None) -> None:
        """Publishes ``record`` with its key, value and headers; the record may be committed afterwards.

        Args:
            record: What could not be processed.
            reason: One word that stands in the metric, such as ``unreadable``.
            detail: What exactly was wrong, for people.
            send: How to publish it, such as `Transaction.send`; default: at once.

        Raises:
            BusError: Kafka did not take it.
        """
        headers = {
            **record.headers,
            "reason": (f"{reason}: {detail}" if detail else reason).encode(),
            "source-topic": record.topic.encode(),
            "source-partition": str(record.partition).encode(),
            "source-offset": str(record.offset).encode(),
        }
        key = (record.key or b"").decode(errors="surrogateescape")  # the bus encodes it to the same bytes
        await (send or self._bus.publish)(self._topic, key, record.value, headers)
        self._metrics.dead_letters.labels(record.topic, reason).inc()
        log.warning(
            "a record could not be processed and went to the dead letters",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=reason,
            detail=detail,
        )
