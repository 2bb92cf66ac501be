"""Throughline's own topics, and their creation on a broker that lets us."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from throughline.bus.protocol import BusError
from throughline.settings.kafka import KafkaSettings

__all__ = ["CAMERAS", "DEAD_LETTERS", "LARGEST_RECORD", "MATCHES", "STATE", "TOPICS", "TRACKLETS", "create_missing"]

TRACKLETS: Final = "tracklets"
MATCHES: Final = "matches"
STATE: Final = "state"
CAMERAS: Final = "cameras"
DEAD_LETTERS: Final = "dead-letters"
TOPICS: Final = (TRACKLETS, MATCHES, STATE, CAMERAS, DEAD_LETTERS)
"""Names without the prefix; `KafkaSettings.topic` puts it in front."""

LARGEST_RECORD: Final = 8 * 1024 * 1024
"""Bytes; Kafka's own default, 1 MiB, is tight for a matcher's snapshot."""

_COMPACTED: Final = (STATE, CAMERAS)
_EXISTS: Final = 36  # another process was faster


async def create_missing(settings: KafkaSettings, existing: Collection[str], connection: dict[str, Any]) -> None:
    """Creates those of Throughline's topics that are not among ``existing``.

    Args:
        settings: Prefix, partitions and replication.
        existing: Full names of the topics there are.
        connection: Arguments for an aiokafka client.

    Raises:
        BusError: the broker refused; the text names the topic and why.
    """
    wanted = [_described(settings, name) for name in TOPICS if settings.topic(name) not in existing]
    if not wanted:
        return
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        response = await admin.create_topics(wanted)
    except KafkaError as error:
        raise BusError(f"Kafka at {settings.bootstrap_servers} did not create topics: {error!r}") from error
    finally:
        await admin.close()
    for topic, code, text in response.topic_errors:
        if code not in (0, _EXISTS):
            reason = text or for_code(code).__name__
            raise BusError(
                f"Kafka at {settings.bootstrap_servers} refused to create the topic {topic} with "
                f"{settings.partitions} partition(s) and {settings.replication} replica(s): {reason}. Create it yourself, "
                "allow it, or change kafka.partitions or kafka.replication in the site file"
            )


def _described(settings: KafkaSettings, name: str) -> NewTopic:
    options = {"max.message.bytes": str(LARGEST_RECORD)}
    if name in _COMPACTED:
        options["cleanup.policy"] = "compact"
    return NewTopic(settings.topic(name), settings.partitions, settings.replication, topic_configs=options)
