"""One consumer in a group at a time, on a broker that cannot share a group's partitions."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

from throughline.bus.records import BusError

__all__ = ["GroupLock"]


class GroupLock:
    """Holds a file lock that the operating system gives back when the process ends, however it ends.

    Args:
        broker: The broker's address.
        group: The group's name.

    Raises:
        BusError: another consumer is in the group.
    """

    def __init__(self, broker: str, group: str) -> None:
        name = hashlib.sha256(f"{broker} {group}".encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir(), f"throughline-group-{name}.lock")
        self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise BusError(
                f"the group {group} already has a consumer, and the embedded broker has room for one only: stop the other, "
                "use another group, or set kafka.bootstrap_servers to a real Kafka"
            ) from error

    def release(self) -> None:
        """Lets the next consumer in; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
