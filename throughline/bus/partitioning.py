"""Which partition a key goes to: Kafka's own rule (murmur2), the same for every way of publishing."""

from __future__ import annotations

from aiokafka.partitioner import murmur2

__all__ = ["LIBRDKAFKA_PARTITIONER", "partition_for"]

LIBRDKAFKA_PARTITIONER = "murmur2_random"
"""Librdkafka's name of the same rule; its default is another. aiokafka's default is this one."""


def partition_for(key: bytes, partitions: int) -> int:
    """Number of the partition, of ``partitions`` in all, that records under ``key`` go to."""
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions
