"""One client that plays a camera, and how what is sent to it comes late."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from typing import Protocol

from simulation.rtsp.packets import RtpStream

__all__ = ["Delivery", "Viewer"]


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

    @property
    def ordered(self) -> bool:
        """Whether what is delayed holds up what comes after it."""
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
    """One client that plays a camera.

    Args:
        delivery: How packets reach it.
        stream: Numbers them.
        losses: Decides which are lost, and how late the others are.
        counts: Of its camera, for packets ``sent``, ``delayed``, and ``dropped`` because it was gone when they were due.
    """

    def __init__(self, delivery: Delivery, stream: RtpStream, losses: random.Random, counts: Counter[str]) -> None:
        self.delivery = delivery
        self.stream = stream
        self.losses = losses
        self.synchronised = False
        """Whether it has had everything since a keyframe."""
        self.reported: int | None = None
        """When the last report went out, in RTP ticks."""
        self._counts = counts
        self._late: deque[tuple[list[bytes], bytes | None]] = deque()
        """What waits for its time on a transport that keeps the order."""
        self._held_until = 0.0
        """The event loop's time until which it is held up."""

    def deliver(self, packets: list[bytes], report: bytes | None = None, *, jitter: float) -> None:
        """Sends now, or as late as a jitter of so many seconds has it."""
        loop = asyncio.get_running_loop()
        due = loop.time() + (self.losses.uniform(0.0, jitter) if jitter else 0.0)
        if self.delivery.ordered:
            due = self._held_until = max(due, self._held_until)
        if due <= loop.time() and not self._late:
            self._hand_over(packets, report)
            return
        self._counts["delayed"] += len(packets)
        if self.delivery.ordered:
            self._late.append((packets, report))
            loop.call_at(due, self._hand_over_next)
        else:
            loop.call_at(due, self._hand_over, packets, report)

    def _hand_over_next(self) -> None:
        self._hand_over(*self._late.popleft())  # timers of one instant come in any order, what they send must not

    def _hand_over(self, packets: list[bytes], report: bytes | None) -> None:
        if self.delivery.closing:
            self._counts["dropped"] += len(packets)
            return
        if report is not None:
            self.delivery.send_rtcp(report)
        if packets:
            self._counts["sent"] += len(packets)
            self.delivery.send_rtp(packets)
