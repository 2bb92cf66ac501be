"""Kafka: the seam, the client, the embedded broker and a bus in memory for tests and off-line work."""

from throughline.bus.compacted import latest
from throughline.bus.dead_letters import DeadLetters
from throughline.bus.embedded import EMBEDDED_BROKER_VARIABLE, EmbeddedBroker
from throughline.bus.kafka import KafkaBus
from throughline.bus.memory import MemoryBus
from throughline.bus.opening import open_bus
from throughline.bus.pipeline import Pipeline
from throughline.bus.protocol import Bus, Consumer, RebalanceListener
from throughline.bus.publisher import Message, Publisher
from throughline.bus.records import (
    NO_GENERATION,
    BusError,
    Capabilities,
    FencedError,
    Headers,
    Membership,
    Place,
    Record,
    RecordRefusedError,
)
from throughline.bus.topics import CAMERAS, DEAD_LETTERS, MATCHES, STATE, TOPICS, TRACKLETS
from throughline.bus.transactions import Transaction, Transactions

__all__ = [
    "CAMERAS",
    "DEAD_LETTERS",
    "EMBEDDED_BROKER_VARIABLE",
    "MATCHES",
    "NO_GENERATION",
    "STATE",
    "TOPICS",
    "TRACKLETS",
    "Bus",
    "BusError",
    "Capabilities",
    "Consumer",
    "DeadLetters",
    "EmbeddedBroker",
    "FencedError",
    "Headers",
    "KafkaBus",
    "Membership",
    "MemoryBus",
    "Message",
    "Pipeline",
    "Place",
    "Publisher",
    "RebalanceListener",
    "Record",
    "RecordRefusedError",
    "Transaction",
    "Transactions",
    "latest",
    "open_bus",
]
