"""The seam to where pictures come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from streams.clock import Timing
from throughline.types import Pixels

__all__ = ["FailureReason", "FrameSource", "Picture", "Reading", "SourceError"]

FailureReason: TypeAlias = Literal["refused", "not_found", "timeout", "ended", "undecodable", "error"]


class SourceError(Exception):
    """A source could not be opened, or stopped giving pictures. The text holds no credentials.

    Attributes:
        reason: Kind of failure, as the metric of reconnections names it.
    """

    def __init__(self, reason: FailureReason, text: str) -> None:
        super().__init__(text)
        self.reason: FailureReason = reason


class Picture(Protocol):
    """A decoded picture that has not been converted yet: most of them are never looked at."""

    @property
    def timing(self) -> Timing:
        """What is known about when it was taken."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def to_bgr(self) -> Pixels:
        """(height, width, 3) uint8, BGR; computed by this call, on the GPU if it was decoded there."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What one step of reading gave.

    Attributes:
        pictures: Whole pictures, in the order in which they are shown; often one, maybe none.
        damaged: Pictures that were lost or came out broken.
    """

    pictures: tuple[Picture, ...] = ()
    damaged: int = 0


class FrameSource(Protocol):
    """One camera's pictures, used by one thread from `open` to `close`; another thread must not touch it.

    A blocked read cannot be cancelled, so every implementation bounds it by its timeouts, and gives a `Reading` for each
    packet (while it waits on purpose: every tenth of a second), so that its user can look whether to stop.
    """

    def open(self) -> None:
        """Connects.

        Raises:
            SourceError: it cannot be opened; `close` need not be called, and `open` may be called again.
        """
        ...

    def readings(self) -> Iterator[Reading]:
        """Reads until the footage is over, which only the end of a recording is.

        Raises:
            SourceError: no more pictures can be had from this connection.
        """
        ...

    def close(self) -> None:
        """Lets go of the connection; safe to call twice."""
        ...
