"""Kafka: the seam, the client, the embedded broker and a bus in memory for tests and off-line work."""

from throughline.bus.dead_letters import DeadLetters
from throughline.bus.embedded import EMBEDDED_BROKER_VARIABLE, EmbeddedBroker
from throughline.bus.kafka import KafkaBus
from throughline.bus.memory import MemoryBus
from throughline.bus.opening import open_bus
from throughline.bus.pipeline import Pipeline
from throughline.bus.protocol import Bus, BusError, Capabilities, Consumer, Headers, Record, RecordRefusedError
from throughline.bus.publisher import Message, Publisher
from throughline.bus.topics import CAMERAS, DEAD_LETTERS, MATCHES, STATE, TOPICS, TRACKLETS

__all__ = [
    "CAMERAS",
    "DEAD_LETTERS",
    "EMBEDDED_BROKER_VARIABLE",
    "MATCHES",
    "STATE",
    "TOPICS",
    "TRACKLETS",
    "Bus",
    "BusError",
    "Capabilities",
    "Consumer",
    "DeadLetters",
    "EmbeddedBroker",
    "Headers",
    "KafkaBus",
    "MemoryBus",
    "Message",
    "Pipeline",
    "Publisher",
    "Record",
    "RecordRefusedError",
    "open_bus",
]
