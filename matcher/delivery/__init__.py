"""Records in, match events out, through every fault: exactly once where Kafka has transactions, at least once elsewhere."""

from matcher.delivery.at_least_once import AtLeastOnce
from matcher.delivery.exactly_once import ExactlyOnce

__all__ = ["AtLeastOnce", "ExactlyOnce"]
