"""A live camera: one timeline that all its viewers share, with faults to order."""

from __future__ import annotations

import asyncio
import base64
import random
from collections import Counter
from pathlib import Path
from typing import Protocol

from simulation.rtsp.footage import Footage, Scheduled
from simulation.rtsp.packets import CLOCK_RATE, PAYLOAD_TYPE, RtpStream, packetise
from throughline.times import Instant, after

__all__ = ["Delivery", "RtspCamera", "Viewer"]

_REPORT_INTERVAL = 2.0
_BACKLOG = 1.0
"""Seconds behind its timeline from which on a camera (stopped by a signal, say) goes on live instead of catching up."""


class Delivery(Protocol):
    """How packets reach one viewer."""

    @property
    def closing(self) -> bool:
        """Whether the viewer is gone."""
        ...

    @property
    def congested(self) -> bool:
        """Whether as much waits to be taken as is allowed to."""
        ...

    def send_rtp(self, packets: list[bytes]) -> None:
        """Sends media."""
        ...

    def send_rtcp(self, packet: bytes) -> None:
        """Sends a report."""
        ...

    def abort(self) -> None:
        """Cuts the viewer off, without a farewell."""
        ...


class Viewer:
    """One client that plays a camera."""

    def __init__(self, delivery: Delivery, stream: RtpStream, losses: random.Random) -> None:
        self.delivery = delivery
        self.stream = stream
        self.losses = losses
        self.synchronised = False
        """Whether it has had everything since a keyframe."""
        self.reported: int | None = None
        """When the last report went out, in RTP ticks."""


class RtspCamera:
    """One camera of an `RtspServer`.

    Knobs may be turned while it plays. ``counts`` tells what became of its packets: ``sent``, ``lost`` (by the knob) and
    ``dropped`` (the viewer was too slow, or gone), and of access units: ``skipped`` (the process was held up).

    Args:
        name: First part of its URL's path.
        path: An H.264 file, or footage that is loaded already.
        loss: Share of RTP packets that are lost on the way.
        seed: Decides which ones.
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
        self.name = name
        self.footage = path if isinstance(path, Footage) else Footage.load(path)
        self.loss = loss
        self.clock_offset = clock_offset
        self.clock_drift = clock_drift
        self.delay = delay
        self.reports = reports
        self.counts: Counter[str] = Counter()
        self._seed = seed
        self._joined = 0
        self._viewers: list[Viewer] = []
        self._watched = asyncio.Event()
        self._stalled = False
        self._epoch: Instant = 0
        self._start = 0.0

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

    def stall(self) -> None:
        """No pictures any more; connections stay open, and time goes on."""
        self._stalled = True

    def resume(self) -> None:
        """Ends a stall: viewers go on with the next keyframe."""
        self._stalled = False

    def disconnect(self) -> None:
        """Cuts all viewers off; they may come back."""
        for viewer in list(self._viewers):
            viewer.delivery.abort()
            self.leave(viewer)

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
        return Viewer(delivery, RtpStream(self.name, generator), generator)

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

    async def run(self, zero: Instant, start: float) -> None:
        """Plays for ever.

        Args:
            zero: UTC of the server's time zero.
            start: The event loop's time at that instant; pacing follows the loop's clock, which never jumps.
        """
        self._epoch = after(zero, self.delay)
        self._start = start + self.delay
        loop = asyncio.get_running_loop()
        while True:
            await self._watched.wait()
            index = self.footage.index_due(loop.time() - self._start)
            while self._viewers:
                scheduled = self.footage.scheduled(index)
                wait = self._start + float(scheduled.due * self.footage.tick) - loop.time()
                if wait < -_BACKLOG:
                    current = self.footage.index_due(loop.time() - self._start)
                    self.counts["skipped"] += current - index
                    self._desynchronise()
                    index = current
                    continue
                if wait > 0:
                    await asyncio.sleep(wait)
                self._send(scheduled)
                index += 1

    def _desynchronise(self) -> None:
        for viewer in self._viewers:
            viewer.synchronised = False

    def _send(self, scheduled: Scheduled) -> None:
        if self._stalled:
            self._desynchronise()
            return
        payloads = packetise(scheduled.unit.nals)
        presented = scheduled.presented * self.footage.tick
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
            viewer.delivery.send_rtcp(viewer.stream.report(self.clock(ticks / CLOCK_RATE), ticks))
            viewer.reported = ticks
        arriving = [packet for packet in packets if viewer.losses.random() >= self.loss] if self.loss else packets
        viewer.stream.count(packets)
        self.counts["lost"] += len(packets) - len(arriving)
        self.counts["sent"] += len(arriving)
        viewer.delivery.send_rtp(arriving)
