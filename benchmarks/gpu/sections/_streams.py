"""Live streams for the pipeline: pictures that are due at known times, from a file or from the GPU's memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streams.mailbox import Mailbox
from streams.sampler import Sampler
from streams.sources import Decoder, FileSource, SourceError
from throughline.settings import CameraSettings
from throughline.times import to_instant
from throughline.types import ClockSource, Frame, Pixels

__all__ = ["FileStream", "MadeStream", "Stream", "phases"]


class Stream(Protocol):
    """Puts frames into a mailbox when they are due, in a thread of its own."""

    offered: int
    """Frames that were put so far."""
    trouble: str
    """Why it ended by itself; empty: it did not."""

    def start(self, mailbox: Mailbox[Frame]) -> None:
        """Begins."""
        ...

    def stop(self) -> None:
        """Ends; `join` waits for that."""
        ...

    def join(self) -> None:
        """Waits until it has ended."""
        ...


@dataclass
class _Thread:
    """What both kinds of streams share."""

    name: str
    offered: int = 0
    trouble: str = ""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, mailbox: Mailbox[Frame]) -> None:
        self._thread = threading.Thread(target=self._guarded, args=(mailbox,), name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join(10)

    def _guarded(self, mailbox: Mailbox[Frame]) -> None:
        try:
            self._work(mailbox)
        except Exception as error:  # noqa: BLE001 - told where the streams are counted
            self.trouble = f"{type(error).__name__}: {error}"

    def _work(self, mailbox: Mailbox[Frame]) -> None:
        raise NotImplementedError

    def _put(self, mailbox: Mailbox[Frame], due: int, picture: Pixels) -> None:
        mailbox.put(Frame(self.name, self.offered, due, ClockSource.FILE, 0.0, picture))
        self.offered += 1


class MadeStream(_Thread):
    """Pictures that are made by a call, at a rate: nothing is decoded.

    Args:
        name: Of the camera.
        make: Makes the picture of a number.
        rate: Pictures a second.
        phase: Share of a period by which it begins later than others.
    """

    def __init__(self, name: str, make: Callable[[int], Pixels], rate: float, phase: float) -> None:
        super().__init__(name)
        self._make = make
        self._period = 1 / rate
        self._phase = phase

    def _work(self, mailbox: Mailbox[Frame]) -> None:
        due = time.time() + self._phase * self._period
        while not self._stop.wait(max(0.0, due - time.time())):
            self._put(mailbox, to_instant(due), self._make(self.offered))
            due += self._period


class FileStream(_Thread):
    """A file at its own pace, over and over, thinned to the analysed rate as the product does.

    Args:
        name: Of the camera.
        file: What is decoded.
        decoder: Where.
        rate: Analysed frames a second.
        phase: Share of a period by which it begins later than others.
    """

    def __init__(self, name: str, file: Path, decoder: Decoder, rate: float, phase: float) -> None:
        super().__init__(name)
        self._camera = CameraSettings(id=name, url=str(file), loop=True, fps=rate)
        self._decoder = decoder
        self._delay = phase / rate

    def _work(self, mailbox: Mailbox[Frame]) -> None:
        time.sleep(self._delay)
        sampler = Sampler(self._camera.fps)
        source = FileSource(self._camera, to_instant(time.time()), self._decoder)
        source.open()
        try:
            for reading in source.readings():
                if self._stop.is_set():
                    return
                for picture in reading.pictures:
                    taken = picture.timing.known
                    if taken is None:
                        raise SourceError("error", "a file's picture without a time")
                    if sampler.wants(taken):
                        self._put(mailbox, taken, picture.to_bgr())
        finally:
            source.close()


def phases(count: int) -> Sequence[float]:
    """Spread evenly: cameras are not in step."""
    return [number / count for number in range(count)]
