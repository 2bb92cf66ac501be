"""Throughline's own topics: their creation on a broker that lets us, and whether those that are there will do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from throughline.bus.records import BusError
from throughline.settings.kafka import KafkaSettings

__all__ = ["CAMERAS", "DEAD_LETTERS", "LARGEST_RECORD", "MATCHES", "STATE", "TOPICS", "TRACKLETS", "prepare_topics"]

TRACKLETS: Final = "tracklets"
MATCHES: Final = "matches"
STATE: Final = "state"
CAMERAS: Final = "cameras"
DEAD_LETTERS: Final = "dead-letters"
TOPICS: Final = (TRACKLETS, MATCHES, STATE, CAMERAS, DEAD_LETTERS)
"""Names without the prefix; `KafkaSettings.topic` puts it in front."""

LARGEST_RECORD: Final = 8 * 1024 * 1024
"""Bytes; Kafka's own default, 1 MiB, is tight for a matcher's snapshot."""

_SIDE_BY_SIDE: Final = (TRACKLETS, MATCHES, STATE)
"""Keyed by site: who owns a partition of one owns the same of the others, so they must have as many."""

_COMPACTED: Final = (STATE, CAMERAS)
_COMPACTED_SEGMENT: Final = 64 * 1024 * 1024  # bytes; only closed segments are compacted, and by default that is at 1 GiB
_AT_LEAST: Final = ("max.message.bytes", "retention.ms", "min.insync.replicas")
_UNLIMITED: Final = -1
_EXISTS: Final = 36  # another process was faster

log = structlog.get_logger(__name__)


async def prepare_topics(settings: KafkaSettings, connection: dict[str, Any]) -> None:
    """Creates those of Throughline's topics that are missing, and looks at those that were there.

    What differs from the settings without doing harm is left alone, with a warning.

    Args:
        settings: Prefix, partitions, replication, retention.
        connection: Arguments for an aiokafka client.

    Raises:
        BusError: the broker refused to create a topic, or topics that go together have different numbers of partitions.
    """
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        existing = await _partition_counts(admin, settings)
        _check_counts(settings, existing)
        missing = [name for name in TOPICS if name not in existing]
        if missing and await _create(admin, settings, missing, existing):
            _check_counts(settings, await _partition_counts(admin, settings))
        if existing:
            await _check_configurations(admin, settings, existing)
    except KafkaError as error:
        raise BusError(f"Kafka at {settings.bootstrap_servers} did not prepare topics: {error!r}") from error
    finally:
        await admin.close()


async def _partition_counts(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> dict[str, int]:
    """Partitions of those of our topics that are there, by name without the prefix."""
    ours = {settings.topic(name): name for name in TOPICS}
    found = await admin.describe_topics()  # of all: asking for one that is missing might create it
    return {ours[topic["topic"]]: len(topic["partitions"]) for topic in found if topic["topic"] in ours and topic["partitions"]}


def _check_counts(settings: KafkaSettings, counts: Mapping[str, int]) -> None:
    together = {settings.topic(name): counts[name] for name in _SIDE_BY_SIDE if name in counts}
    if len(set(together.values())) > 1:
        raise BusError(
            f"topics of Kafka at {settings.bootstrap_servers} must have the same number of partitions, since a site has the same "
            f"partition in each: {', '.join(f'{topic} has {count}' for topic, count in together.items())}. Give those with fewer "
            "more partitions (kafka-topics.sh --alter), before anything is published to them, or set another kafka.prefix"
        )
    for topic, count in together.items():
        if count != settings.partitions:
            log.info("the topic has its own number of partitions", topic=topic, partitions=count, setting=settings.partitions)


async def _create(admin: AIOKafkaAdminClient, settings: KafkaSettings, missing: list[str], existing: Mapping[str, int]) -> bool:
    """Creates ``missing``; whether another process was faster with any of them."""
    together = next((existing[name] for name in _SIDE_BY_SIDE if name in existing), settings.partitions)
    counts = {name: together if name in _SIDE_BY_SIDE else settings.partitions for name in missing}
    wanted = [
        NewTopic(settings.topic(name), counts[name], settings.replication, topic_configs=_configuration(settings, name))
        for name in missing
    ]
    response = await admin.create_topics(wanted)
    for topic, code, text in response.topic_errors:
        if code not in (0, _EXISTS):
            reason = text or for_code(code).__name__
            raise BusError(
                f"Kafka at {settings.bootstrap_servers} refused to create the topic {topic} with "
                f"{settings.partitions} partition(s) and {settings.replication} replica(s): {reason}. Create it yourself, "
                "allow it, or change kafka.partitions or kafka.replication in the site file"
            )
    return any(code == _EXISTS for _, code, _ in response.topic_errors)


def _configuration(settings: KafkaSettings, name: str) -> dict[str, str]:
    options = {"max.message.bytes": str(LARGEST_RECORD), "min.insync.replicas": str(settings.min_insync_replicas)}
    if name in _COMPACTED:
        options |= {"cleanup.policy": "compact", "segment.bytes": str(_COMPACTED_SEGMENT)}
    else:
        options["cleanup.policy"] = "delete"
    if name == TRACKLETS:
        options["retention.ms"] = str(round(settings.tracklet_retention * 1000))
    return options


async def _check_configurations(admin: AIOKafkaAdminClient, settings: KafkaSettings, names: Mapping[str, int]) -> None:
    """Warns of what is set otherwise and may hurt: the topic is whoever made it's to change."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, settings.topic(name)) for name in names]
    wanted = {settings.topic(name): _configuration(settings, name) for name in names}
    for response in await admin.describe_configs(asked):
        for code, _, _, topic, entries in response.resources:
            if code != 0:
                log.warning("the topic's settings cannot be looked at", topic=topic, reason=for_code(code).__name__)
                continue
            found = {entry[0]: entry[1] for entry in entries}
            for option, value in wanted[topic].items():
                if option != "segment.bytes" and not _does(option, value, found.get(option)):
                    log.warning(
                        "the topic is set otherwise: change it with kafka-configs.sh, or change kafka in the site file",
                        topic=topic,
                        option=option,
                        found=found.get(option),
                        wanted=value,
                    )


def _does(option: str, wanted: str, found: str | None) -> bool:
    if option == "cleanup.policy":
        return wanted in (found or "").split(",")
    if option in _AT_LEAST and found is not None:
        return int(found) == _UNLIMITED or int(found) >= int(wanted)
    return found == wanted
