"""Which sightings a search is about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from throughline.times import Instant

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Cameras and times.

    Attributes:
        cameras: Of these; None: of all.
        since: In view then or later; None: whenever.
        until: In view then or earlier; None: whenever.
    """

    cameras: Collection[str] | None = None
    since: Instant | None = None
    until: Instant | None = None

    def includes(self, camera: str, start: Instant, end: Instant) -> bool:
        """Whether a sighting is among them."""
        return (
            (self.cameras is None or camera in self.cameras)
            and (self.since is None or end >= self.since)
            and (self.until is None or start <= self.until)
        )
