"""From what is known about a packet to the capture time of its picture.

The camera's own clock (RTCP sender reports) is best, the position in a recording exact, and the arrival of the packet the
last resort. Whatever happens to these clocks, the times of one camera never run backwards: a tracker and a matcher that
reason in real time steps rely on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from throughline.settings import ClockSettings
from throughline.times import MICROSECONDS, Instant, to_instant
from throughline.types import ClockSource

__all__ = ["CameraClock", "Stamp", "Timing"]

_UNCERTAINTY: Final = {ClockSource.RTCP: 0.02, ClockSource.FILE: 0.0, ClockSource.ARRIVAL: 0.2}
"""Seconds, standard deviation: NTP on a camera; none; delays of exposure, encoder, network and parser."""
_BACKWARDS_TOLERANCE: Final = to_instant(1.0)
"""A camera's time this far behind its last picture is another clock, not jitter."""
_RESTARTED: Final = to_instant(10.0)
"""Stream times that fall back this far are a stream that began anew; no network holds packets for so long."""
_DRIFT: Final = 200e-6
"""Seconds a second: how fast a cheap clock may run away from ours."""
_LAG_SMOOTHING: Final = 0.05


@dataclass(frozen=True, slots=True)
class Timing:
    """What is known about when a picture was taken.

    Attributes:
        arrival: When its packet reached this machine.
        stream_time: Seconds on the stream's own time line, whose origin means nothing; None where the packet has no time.
        known: Its time by the camera's clock or by its position in a recording, before the site's correction.
        source: Where ``known`` comes from.
    """

    arrival: Instant
    stream_time: float | None = None
    known: Instant | None = None
    source: ClockSource = ClockSource.ARRIVAL


@dataclass(frozen=True, slots=True)
class Stamp:
    """The time of one picture.

    Attributes:
        captured: Capture time, corrected by the site file's offset.
        source: Where it comes from.
        uncertainty: Standard deviation in seconds.
        refused: The camera gave a time, and it was not believed.
        advances: It is later than the camera's last picture; one that is not must be dropped.
    """

    captured: Instant
    source: ClockSource
    uncertainty: float
    refused: bool
    advances: bool


class CameraClock:
    """Gives the pictures of one camera their capture times.

    The offset of the site file corrects the camera's time (and a recording's), never the arrival, which is this machine's
    time. Arrival times are smoothed along the stream's own time line: the quickest packet so far tells where that line
    lies, since networks delay and never hurry. Once the camera's clock has been seen, arrival times are moved by the lag
    between both, so that a connection whose first report is still to come goes on where the last one ended.
    """

    def __init__(self, settings: ClockSettings, future_tolerance: float) -> None:
        self._offset = to_instant(settings.offset)
        self._uncertainty = settings.uncertainty
        self._future_tolerance = to_instant(future_tolerance)
        self._last: Instant | None = None
        self._lag: float = 0.0
        self._lag_known = False
        self._origin: Instant | None = None
        self._origin_at = 0.0

    def restart(self) -> None:
        """A new connection: its stream's time line has nothing to do with the last one's."""
        self._origin = None

    def stamp(self, timing: Timing) -> Stamp:
        """The capture time of the next picture, in the order in which they were decoded."""
        captured, refused = self._by_camera(timing)
        source = timing.source
        if captured is None:
            captured = self._by_arrival(timing)
            source = ClockSource.ARRIVAL
        advances = self._last is None or captured > self._last
        if advances:
            self._last = captured
        return Stamp(captured, source, math.hypot(_UNCERTAINTY[source], self._uncertainty), refused, advances)

    def _by_camera(self, timing: Timing) -> tuple[Instant | None, bool]:
        if timing.known is None:
            return None, False
        captured = timing.known + self._offset
        if timing.source is ClockSource.FILE:
            return captured, False
        if captured > timing.arrival + self._future_tolerance:
            return None, True
        if self._last is not None and captured < self._last - _BACKWARDS_TOLERANCE:
            return None, True
        lag = timing.arrival - captured
        self._lag += (lag - self._lag) * (_LAG_SMOOTHING if self._lag_known else 1.0)
        self._lag_known = True
        return captured, False

    def _by_arrival(self, timing: Timing) -> Instant:
        arrival = timing.arrival - round(self._lag)
        if timing.stream_time is None:
            return arrival
        origin = arrival - to_instant(timing.stream_time)
        if self._origin is None or origin < self._origin or origin > self._origin + _RESTARTED:
            self._origin = origin
        else:
            elapsed = max(0.0, timing.stream_time - self._origin_at)
            self._origin += min(origin - self._origin, round(elapsed * _DRIFT * MICROSECONDS))
        self._origin_at = timing.stream_time
        return self._origin + to_instant(timing.stream_time)
