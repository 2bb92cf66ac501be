"""How far a site is complete in event time."""

from __future__ import annotations

from bisect import bisect_left, insort

from throughline.messages import Progress
from throughline.times import Instant, after

__all__ = ["Watermark"]


class Watermark:
    """The least progress over the cameras that are within the lateness allowance of the foremost one.

    A camera that falls further behind is waited for no longer, until it has caught up; one whose stream has ended is not
    waited for at all. The watermark never goes back. A report costs the same for five cameras as for five thousand, but for
    the moving of a sorted list's entries.

    Args:
        lateness: The allowance in seconds.
    """

    def __init__(self, lateness: float) -> None:
        self._lateness = lateness
        self._progress: dict[str, Instant] = {}
        self._ended: set[str] = set()
        self._running: list[tuple[Instant, str]] = []
        self.value: Instant | None = None
        self.foremost: Instant | None = None
        """The furthest that any camera has reported."""

    def advance(self, progress: Progress) -> Instant | None:
        """Takes a camera's report and returns the watermark; None until there is one."""
        camera = progress.camera
        former = self._progress.get(camera)
        reached = progress.complete_to if former is None else max(progress.complete_to, former)
        if former is not None and camera not in self._ended:
            del self._running[bisect_left(self._running, (former, camera))]
        self._progress[camera] = reached
        self.foremost = reached if self.foremost is None else max(reached, self.foremost)
        if progress.end_of_stream:
            self._ended.add(camera)
        else:
            self._ended.discard(camera)
            insort(self._running, (reached, camera))
        if self._running:
            oldest_awaited = after(self._running[-1][0], -self._lateness)
            candidate = self._running[bisect_left(self._running, (oldest_awaited, ""))][0]
            self.value = candidate if self.value is None else max(self.value, candidate)
        return self.value

    @property
    def all_ended(self) -> bool:
        """Every camera that has reported has ended its stream: nothing more will come."""
        return bool(self._progress) and len(self._ended) == len(self._progress)

    def left_behind(self, camera: str) -> bool:
        """Whether this camera is waited for no longer."""
        at = self._progress.get(camera)
        if at is None or camera in self._ended:
            return True
        return at < after(self._running[-1][0], -self._lateness)
