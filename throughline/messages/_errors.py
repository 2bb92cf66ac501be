"""What reading a message can fail by."""

from __future__ import annotations

__all__ = ["UnreadableMessageError"]


class UnreadableMessageError(ValueError):
    """A record on Kafka that is not what its topic promises."""
