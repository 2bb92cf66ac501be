"""What a person is shown of a running demo, on the terminal and on the page alike."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping

from console.server import PageServer
from evaluation.labelling import CameraTruth, Vehicle, label
from throughline.commands._demo_screen import Screen
from throughline.commands._output import event_line
from throughline.messages import CameraStatus, MatchEvent, PathPoint, Tracklet

__all__ = ["Show"]

_INTERVAL = 0.5


class Show:
    """Tells news of the demo as they come.

    Args:
        screen: The terminal.
        page: The web page; None: there is none.
        truth: True boxes by camera; None: nobody knows them.
    """

    def __init__(self, screen: Screen, page: PageServer | None, truth: Mapping[str, CameraTruth] | None) -> None:
        self._screen = screen
        self._page = page
        self._truth = truth
        self._phase = ""
        self._ends: float | None = None
        self._cameras: dict[str, CameraStatus] = {}
        self._expected = 0
        self._vehicles: dict[str, str] = {}
        self._joins: dict[str, str] = {}
        self._paths: dict[str, tuple[str, tuple[PathPoint, ...]]] = {}

    def phase(self, text: str, seconds: float | None = None, *, cameras: int | None = None) -> None:
        """What happens from now on, how long it takes, and how many cameras there are to be."""
        self._phase = text
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._expected = self._expected if cameras is None else cameras
        self._screen.heading(text)
        self._tell()

    def event(self, event: MatchEvent) -> None:
        """A match event."""
        self._vehicles[event.tracklet.tracklet] = event.vehicle
        right = self._right(event)
        if event.joined is None:
            self._joins.pop(event.tracklet.tracklet, None)
        elif event.kind != "watchlist":
            self._joins[event.tracklet.tracklet] = event.kind
            mark = {None: "", True: "+ ", False: "x "}[right]
            self._screen.row(mark + event_line(event, colour=self._screen.live))
        if self._page is not None:
            self._page.match(event, right)

    def tracklet(self, tracklet: Tracklet) -> None:
        """A record of a tracklet: where it has been tells whom it shows."""
        before = () if tracklet.state == "closed" else self._paths.get(tracklet.tracklet, ("", ()))[1]
        self._paths[tracklet.tracklet] = tracklet.camera, (*before, *tracklet.path)

    def camera(self, status: CameraStatus) -> None:
        """How a camera is doing."""
        self._cameras[status.camera] = status
        if self._page is not None:
            self._page.camera(status)

    @contextlib.asynccontextmanager
    async def figures(self) -> AsyncIterator[None]:
        """Keeps the line of figures up to date while it is entered."""

        async def keep() -> None:
            while True:
                self._tell()
                await asyncio.sleep(_INTERVAL)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            self._screen.status("")

    def line(self) -> str:
        """The figures."""
        live = sum(status.state == "live" for status in self._cameras.values())
        rate = sum(status.analysed_fps for status in self._cameras.values() if status.state == "live")
        confirmed = sum(kind in ("confirmed", "revised") for kind in self._joins.values())
        parts = [
            f"{live} of {max(self._expected, len(self._cameras))} cameras live, {rate:.0f} frames/s",
            f"{len(set(self._vehicles.values()))} vehicles",
            f"{len(self._joins)} matches, {confirmed} confirmed",
        ]
        if self._ends is not None:
            left = max(0, round(self._ends - time.monotonic()))
            parts.append(f"{left // 60}:{left % 60:02} left")
        return " | ".join(parts)

    def _tell(self) -> None:
        line = self.line()
        if self._page is not None:
            self._page.status(self._phase, line)
            line = f"{line} | {self._page.url}"
        self._screen.status(line)

    def _right(self, event: MatchEvent) -> bool | None:
        """Whether a join is right, as far as can be seen by now; None where nobody knows."""
        if self._truth is None or event.joined is None:
            return None
        here, joined = (self._vehicle(tracklet.tracklet) for tracklet in (event.tracklet, event.joined))
        return here is not None and here == joined

    def _vehicle(self, tracklet: str) -> Vehicle | None:
        camera, path = self._paths.get(tracklet, ("", ()))
        if self._truth is None or camera not in self._truth:
            return None
        return label(path, self._truth[camera])
