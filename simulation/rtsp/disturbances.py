"""Lets faults happen to the cameras of a running server, at their times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from simulation.rtsp.camera import RtspCamera
from simulation.rtsp.faults import ALL, Change, Fault, FaultError, changes, parse_fault, put_in_force
from simulation.rtsp.footage import Footage
from simulation.rtsp.server import RtspServer

__all__ = ["Disturbances"]


class Disturbances:
    """The faults of a server's cameras.

    Where two of one kind overlap at one camera, the one that began last counts; when it ends, the other one holds again. Jumps of
    a clock add up instead, and so do drifts.

    Args:
        server: A server; entered before this is.
        faults: Ordered beforehand; times count from the server's time zero, in the cameras' time.

    Raises:
        FaultError: no camera has this name, or the footage that one shall switch to cannot be served.
    """

    def __init__(self, server: RtspServer, faults: Iterable[Fault] = ()) -> None:
        self._server: Final = server
        self._footage: Final[dict[str, Footage]] = {}
        self._active: Final[dict[tuple[str, str], list[Fault]]] = {}
        self._usual: Final[dict[tuple[str, str], Any]] = {}
        self._timers: Final[list[asyncio.TimerHandle]] = []
        self._ordered: Final[list[Fault]] = [single for fault in faults for single in self._singled(fault)]
        for fault in self._ordered:
            self._check(fault)

    async def __aenter__(self) -> Self:
        for change in changes(self._ordered):
            self._schedule(change)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()

    def order(self, text: str) -> Fault:
        """Orders a fault now: its time counts from this moment.

        Raises:
            FaultError: it cannot be ordered.
        """
        fault = parse_fault(text)
        begins = self._server.seconds + fault.at
        ordered = Fault(fault.camera, fault.kind, fault.value, begins, fault.seconds, fault.text)
        singles = self._singled(ordered)
        for single in singles:
            self._check(single)
        for change in changes(singles):
            self._schedule(change)
        return ordered

    def active(self) -> dict[str, list[str]]:
        """Faults that hold now, as they were ordered, by camera."""
        found: dict[str, list[str]] = {camera.name: [] for camera in self._server.cameras}
        for (camera, _), faults in self._active.items():
            found[camera] += [fault.text for fault in faults]
        return found

    def _singled(self, fault: Fault) -> list[Fault]:
        """The fault of every camera that it is meant for, each with an identity of its own."""
        names = [camera.name for camera in self._server.cameras]
        if fault.camera != ALL and fault.camera not in names:
            raise FaultError(f"fault {fault.text!r}: no camera is called {fault.camera}; there are {', '.join(names)}")
        meant = names if fault.camera == ALL else [fault.camera]
        return [Fault(name, fault.kind, fault.value, fault.at, fault.seconds, fault.text) for name in meant]

    def _check(self, fault: Fault) -> None:
        if fault.kind == "resolution" and fault.value not in self._footage:
            try:
                self._footage[str(fault.value)] = Footage.load(Path(str(fault.value)))
            except ValueError as error:
                raise FaultError(f"fault {fault.text!r}: {error}") from error

    def _schedule(self, change: Change) -> None:
        loop = asyncio.get_running_loop()
        self._timers[:] = [timer for timer in self._timers if timer.when() > loop.time() and not timer.cancelled()]
        wait = (change.at - self._server.seconds) / self._server.speed
        if wait <= 0.0:
            self._apply(change)
        else:
            self._timers.append(loop.call_later(wait, self._apply, change))

    def _apply(self, change: Change) -> None:
        fault = change.fault
        camera, key = self._server.camera(fault.camera), (fault.camera, fault.kind)
        before = self._active.get(key, [])
        if not change.begins and fault not in before:
            return
        self._active[key] = put_in_force(before, change)
        if change.begins:
            camera.counts[f"fault_{fault.kind}"] += 1
        if fault.kind in ("clock_jump", "clock_drift"):
            _move_clock(camera, fault, 1.0 if change.begins else -1.0)
            return
        if fault.kind == "disconnect" and change.begins:
            camera.disconnect()
        read, write = self._knob(camera, fault.kind)
        usual = self._usual.setdefault(key, read())
        in_force = self._active[key]
        write(self._setting(in_force[-1]) if in_force else usual)
        if not in_force:
            del self._usual[key]

    def _setting(self, fault: Fault) -> Any:
        if fault.kind == "disconnect":
            return fault.seconds is not None
        if fault.kind == "stall":
            return True
        return self._footage[str(fault.value)] if fault.kind == "resolution" else fault.value

    @staticmethod
    def _knob(camera: RtspCamera, kind: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        """How the knob that belongs to a kind of fault is read and turned."""
        if kind == "stall":
            return (lambda: False), (lambda stalled: camera.stall() if stalled else camera.resume())
        if kind == "resolution":
            return (lambda: camera.footage), camera.switch
        name = {"disconnect": "away", "reports": "report_fault"}.get(kind, kind)
        return partial(getattr, camera, name), partial(setattr, camera, name)


def _move_clock(camera: RtspCamera, fault: Fault, sign: float) -> None:
    amount = sign * cast("float", fault.value)
    if fault.kind == "clock_jump":
        camera.jump_clock(amount)
    else:
        camera.drift_clock(camera.clock_drift + amount)
