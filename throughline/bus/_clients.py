"""aiokafka's clients as this bus wants them: idempotent, explicit commits, committed records only."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from throughline.bus._connection import connection_arguments
from throughline.bus.topics import LARGEST_RECORD
from throughline.settings.kafka import KafkaSettings

__all__ = ["Clients"]

_BATCH_BYTES = 128 * 1024
_PARTITION_BYTES = 1024 * 1024
_STRETCH_BYTES = 8 * 1024 * 1024  # of a read that is meant to be over soon
_REBALANCE_SECONDS = 10.0
_HEARTBEATS_IN_A_SESSION = 3


class Clients:
    """Makes clients; they connect when they are started.

    Args:
        settings: How to speak to Kafka.
        servers: Where it is.
    """

    def __init__(self, settings: KafkaSettings, servers: str) -> None:
        self._settings, self._servers = settings, servers

    def producer(self) -> AIOKafkaProducer:
        """Waits for all in-sync replicas."""
        compression = self._settings.compression
        return AIOKafkaProducer(
            **connection_arguments(self._settings, self._servers),
            enable_idempotence=True,
            acks="all",
            compression_type=None if compression == "none" else compression,
            max_batch_size=_BATCH_BYTES,
            max_request_size=LARGEST_RECORD,
        )

    def consumer(
        self, *topics: str, group: str | None = None, begin: str = "earliest", partition_bytes: int = _PARTITION_BYTES
    ) -> AIOKafkaConsumer:
        """Begins at ``begin`` where there is no committed offset, or where that is gone; ``none``: fails there."""
        session = round(self._settings.session_timeout * 1000)
        return AIOKafkaConsumer(
            *topics,
            **connection_arguments(self._settings, self._servers),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset=begin,
            isolation_level="read_committed",
            fetch_max_wait_ms=max(1, round(self._settings.fetch_max_wait * 1000)),
            max_partition_fetch_bytes=partition_bytes,
            session_timeout_ms=session,
            heartbeat_interval_ms=session // _HEARTBEATS_IN_A_SESSION,
            rebalance_timeout_ms=round(_REBALANCE_SECONDS * 1000),
        )

    def stretch_reader(self) -> AIOKafkaConsumer:
        """For `throughline.bus.Bus.read`: passes over nothing."""
        return self.consumer(begin="none", partition_bytes=_STRETCH_BYTES)
