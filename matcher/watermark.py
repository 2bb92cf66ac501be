"""How far a site is complete in event time."""

from __future__ import annotations

from throughline.messages import Progress
from throughline.times import Instant, after

__all__ = ["Watermark"]


class Watermark:
    """The least progress over the cameras that are within the lateness allowance of the foremost one.

    A camera that falls further behind is waited for no longer, until it has caught up; one whose stream has ended is not
    waited for at all. The watermark never goes back.

    Args:
        lateness: The allowance in seconds.
    """

    def __init__(self, lateness: float) -> None:
        self._lateness = lateness
        self._progress: dict[str, Instant] = {}
        self._ended: set[str] = set()
        self.value: Instant | None = None

    def advance(self, progress: Progress) -> Instant | None:
        """Takes a camera's report and returns the watermark; None until there is one."""
        camera = progress.camera
        self._progress[camera] = max(progress.complete_to, self._progress.get(camera, progress.complete_to))
        if progress.end_of_stream:
            self._ended.add(camera)
        else:
            self._ended.discard(camera)
        running = [at for name, at in self._progress.items() if name not in self._ended]
        if running:
            oldest_awaited = after(max(running), -self._lateness)
            candidate = min(at for at in running if at >= oldest_awaited)
            self.value = candidate if self.value is None else max(self.value, candidate)
        return self.value

    @property
    def foremost(self) -> Instant | None:
        """The furthest that any camera has reported."""
        return max(self._progress.values(), default=None)

    @property
    def all_ended(self) -> bool:
        """Every camera that has reported has ended its stream: nothing more will come."""
        return bool(self._progress) and len(self._ended) == len(self._progress)

    def left_behind(self, camera: str) -> bool:
        """Whether this camera is waited for no longer."""
        at = self._progress.get(camera)
        if at is None or camera in self._ended:
            return True
        running = [other for name, other in self._progress.items() if name not in self._ended]
        return at < after(max(running), -self._lateness)
