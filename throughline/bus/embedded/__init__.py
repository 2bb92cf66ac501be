"""A small Kafka broker beside this process, for trying the product out without installing one: librdkafka's built-in broker.

It forgets everything when it ends, keeps about five megabytes of each partition, makes every topic with four partitions on
first use, and has no shared groups, compaction or offsets by time. Nothing but this machine can reach it.
"""

from throughline.bus.embedded.broker import EMBEDDED_BROKER_VARIABLE, EmbeddedBroker

__all__ = ["EMBEDDED_BROKER_VARIABLE", "EmbeddedBroker"]
