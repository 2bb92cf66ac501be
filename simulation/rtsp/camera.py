"""A live camera: one timeline that all its viewers share, with faults to order."""

from __future__ import annotations

import asyncio
import base64
import random
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

from simulation.rtsp.footage import Footage, Scheduled
from simulation.rtsp.packets import CLOCK_RATE, PAYLOAD_TYPE, RtpStream, noise_report, packetise
from simulation.rtsp.viewer import Delivery, Viewer
from throughline.times import Instant, after

__all__ = ["ReportFault", "RtspCamera"]

ReportFault: TypeAlias = Literal["missing", "garbage", "wrong"]
"""What may be wrong with RTCP reports: there are none, they are noise, or their times are up to an hour off, each differently."""

_REPORT_INTERVAL = 2.0
_WRONG_BY = 3600.0
_BACKLOG = 1.0
"""Seconds behind its timeline from which on a camera (stopped by a signal, say) goes on live instead of catching up."""


class RtspCamera:
    """One camera of an `RtspServer`.

    Knobs (``loss``, ``jitter``, ``clock_offset``, ``report_fault``) may be turned while it plays. ``counts`` tells what became of
    its packets: ``sent``, ``lost`` (by the knob), ``delayed`` (by the knob; sent all the same) and ``dropped`` (the viewer was
    too slow, or gone); of access units: ``skipped`` (the process was held up) and ``withheld`` (in a stall); of reports:
    ``reports``, ``reports_missing``, ``reports_garbage`` and ``reports_wrong``; further ``cut_off`` (viewers), ``refused``
    (requests, while it is away), ``clock_jumps``, ``switches`` of footage, and ``fault_<kind>`` of what was ordered.

    Args:
        name: First part of its URL's path.
        path: An H.264 file, or footage that is loaded already.
        loss: Share of RTP packets that are lost on the way.
        jitter: Seconds, at most, by which what is sent comes late. Over TCP a late picture holds up the next ones; over UDP each
            packet is late by itself, so that they come out of order.
        seed: Decides which are lost and how late the others are.
        clock_offset: Seconds by which the camera's clock is ahead.
        clock_drift: Seconds a second by which it gains, from time zero on.
        delay: Seconds after the server's time zero at which loop 0 starts; until then the end of the loop before it plays.
        reports: Whether RTCP sender reports are sent; without them a viewer cannot know the camera's clock.

    Raises:
        FootageError: the file cannot be served.
    """

    def __init__(
        self,
        name: str,
        path: Path | Footage,
        *,
        loss: float = 0.0,
        jitter: float = 0.0,
        seed: int = 0,
        clock_offset: float = 0.0,
        clock_drift: float = 0.0,
        delay: float = 0.0,
        reports: bool = True,
    ) -> None:
        if not name or "/" in name:
            raise ValueError(f"{name!r} cannot be a camera's name in a URL")
        if not 0.0 <= loss <= 1.0:
            raise ValueError(f"camera {name}: a loss of {loss:g} is not a share between 0 and 1")
        if jitter < 0.0:
            raise ValueError(f"camera {name}: a jitter of {jitter:g} s is below 0")
        self.name = name
        self.footage = path if isinstance(path, Footage) else Footage.load(path)
        self.loss = loss
        self.jitter = jitter
        self.clock_offset = clock_offset
        self.clock_drift = clock_drift
        self.delay = delay
        self.reports = reports
        self.report_fault: ReportFault | None = None
        self.counts: Counter[str] = Counter()
        self.away = False
        """Whether nobody is let in."""
        self._seed = seed
        self._noise = random.Random(f"{seed}/{name}")  # noqa: S311 - repeatable on purpose
        self._joined = 0
        self._viewers: list[Viewer] = []
        self._watched = asyncio.Event()
        self._stalled = False
        self._epoch: Instant = 0
        self._start = 0.0
        self._speed = 1.0

    @property
    def epoch(self) -> Instant:
        """UTC of footage time zero in loop 0: frame f of loop k is captured ``k * footage.seconds + f / footage.fps`` later."""
        return self._epoch

    @property
    def viewers(self) -> int:
        """Clients that play it now."""
        return len(self._viewers)

    def clock(self, seconds: float) -> Instant:
        """What the camera's clock shows ``seconds`` after `epoch`."""
        return after(self._epoch, seconds + self.clock_offset + self.clock_drift * (self.delay + seconds))

    @property
    def seconds(self) -> float:
        """Where it is on its timeline: seconds since `epoch`."""
        return (asyncio.get_running_loop().time() - self._start) * self._speed

    def jump_clock(self, seconds: float) -> None:
        """Sets the clock ahead, as a time server does that is found again; viewers learn of it by the next report."""
        self.clock_offset += seconds
        self.counts["clock_jumps"] += 1

    def drift_clock(self, rate: float) -> None:
        """From now on the clock gains ``rate`` seconds a second; what it gained before stays."""
        self.clock_offset += (self.clock_drift - rate) * (self.delay + self.seconds)
        self.clock_drift = rate

    def switch(self, footage: Footage) -> None:
        """Shows other footage on the same timeline, from a keyframe on, as cameras do that are set to another resolution."""
        self.footage = footage
        self.counts["switches"] += 1

    def stall(self) -> None:
        """No pictures any more; connections stay open, and time goes on."""
        self._stalled = True

    def resume(self) -> None:
        """Ends a stall: viewers go on with the next keyframe."""
        self._stalled = False

    def disconnect(self) -> None:
        """Cuts all viewers off; they may come back, unless it is ``away``."""
        for viewer in list(self._viewers):
            viewer.delivery.abort()
            self.leave(viewer)
            self.counts["cut_off"] += 1

    def sdp(self) -> str:
        """Session description (RFC 8866) for DESCRIBE."""
        sets = self.footage.parameter_sets
        sprop = ",".join(base64.b64encode(nal).decode() for nal in (*sets.sps, *sets.pps))
        lines = (
            "v=0",
            "o=- 1 1 IN IP4 0.0.0.0",
            f"s={self.name}",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "a=control:*",
            f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
            f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_RATE}",
            f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={sets.sps[0][1:4].hex()};sprop-parameter-sets={sprop}",
            f"a=framerate:{self.footage.fps:.6g}",
            "a=control:trackID=0",
        )
        return "\r\n".join(lines) + "\r\n"

    def admit(self, delivery: Delivery) -> Viewer:
        """A viewer of this camera, with an RTP stream and losses of its own; `join` lets it play."""
        generator = random.Random(f"{self._seed}/{self.name}/{self._joined}")  # noqa: S311 - repeatable on purpose
        self._joined += 1
        return Viewer(delivery, RtpStream(self.name, generator), generator, self.counts)

    def join(self, viewer: Viewer) -> None:
        """Starts sending to ``viewer``, from the next keyframe on."""
        viewer.synchronised = False
        if viewer not in self._viewers:
            self._viewers.append(viewer)
        self._watched.set()

    def leave(self, viewer: Viewer) -> None:
        """Stops sending to ``viewer``."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
        if not self._viewers:
            self._watched.clear()

    async def run(self, zero: Instant, start: float, speed: float = 1.0) -> None:
        """Plays for ever.

        Args:
            zero: What the clock shows, but for its offset, at the server's time zero.
            start: The event loop's time at that instant; pacing follows the loop's clock, which never jumps.
            speed: Seconds of its timeline that pass in a second.
        """
        self._epoch = after(zero, self.delay)
        self._start = start + self.delay / speed
        self._speed = speed
        loop = asyncio.get_running_loop()
        while True:
            await self._watched.wait()
            footage, index = self.footage, self.footage.index_due(self.seconds)
            while self._viewers:
                if footage is not self.footage:
                    self._desynchronise()
                    footage, index = self.footage, self.footage.index_due(self.seconds)
                scheduled = footage.scheduled(index)
                wait = self._start + float(scheduled.due * footage.tick) / speed - loop.time()
                if wait < -_BACKLOG:
                    current = footage.index_due(self.seconds)
                    self.counts["skipped"] += current - index
                    self._desynchronise()
                    index = current
                    continue
                if wait > 0:
                    await asyncio.sleep(wait)
                self._send(scheduled, scheduled.presented * footage.tick)
                index += 1

    def _desynchronise(self) -> None:
        for viewer in self._viewers:
            viewer.synchronised = False

    def _send(self, scheduled: Scheduled, presented: Fraction) -> None:
        if self._stalled:
            self.counts["withheld"] += 1
            self._desynchronise()
            return
        payloads = packetise(scheduled.unit.nals)
        ticks = round(presented * CLOCK_RATE)
        for viewer in list(self._viewers):
            if viewer.delivery.closing:
                self.counts["dropped"] += len(payloads)
                self.leave(viewer)
            elif viewer.synchronised or scheduled.unit.keyframe:
                self._send_to(viewer, payloads, ticks)

    def _send_to(self, viewer: Viewer, payloads: list[tuple[bytes, bool]], ticks: int) -> None:
        packets = viewer.stream.packets(payloads, ticks)  # numbered even if dropped below, so that the viewer sees the gap
        if viewer.delivery.congested:
            self.counts["dropped"] += len(packets)
            viewer.synchronised = False
            return
        viewer.synchronised = True
        if self.reports and (viewer.reported is None or ticks - viewer.reported >= _REPORT_INTERVAL * CLOCK_RATE):
            viewer.reported = ticks
            self._report(viewer, ticks)
        arriving = [packet for packet in packets if viewer.losses.random() >= self.loss] if self.loss else packets
        viewer.stream.count(packets)
        self.counts["lost"] += len(packets) - len(arriving)
        apart = self.jitter > 0 and not viewer.delivery.ordered
        for together in [[packet] for packet in arriving] if apart else [arriving]:
            viewer.deliver(together, jitter=self.jitter)

    def _report(self, viewer: Viewer, ticks: int) -> None:
        fault, wall = self.report_fault, self.clock(ticks / CLOCK_RATE)
        self.counts["reports" if fault is None else f"reports_{fault}"] += 1
        if fault == "missing":
            return
        if fault == "wrong":
            wall = after(wall, self._noise.uniform(-_WRONG_BY, _WRONG_BY))
        packet = noise_report(self._noise) if fault == "garbage" else viewer.stream.report(wall, ticks)
        viewer.deliver([], packet, jitter=self.jitter)
