"""What a section is told."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Job"]


@dataclass(frozen=True, slots=True)
class Job:
    """The work of one process.

    Attributes:
        section: Name of the section.
        table: Where it is told what becomes of the section as a whole.
        seconds: How long it may take.
        folder: Where sections leave what later ones need.
        device: Where torch works: ``cuda:N``, or ``cpu`` to try the measurement itself.
        clip: Real footage; None: there is none.
        detector: ONNX file; None: the one that ships.
        embedder: ONNX file; None: the one that ships.
        max_batch: Most pictures in one pass of a network.
        rate: Analysed frames a second and stream.
        verified: Engines that have been found right so far, ``<engine>, <precision>``, both networks.
        paths_ahead: Folders of wheels that go before what is installed.
        paths_behind: Folders of wheels that are looked at last.
        began: When it began, by the clock that no one sets.
    """

    section: str
    table: str
    seconds: float
    folder: str
    device: str = "cuda:0"
    clip: str | None = None
    detector: str | None = None
    embedder: str | None = None
    max_batch: int = 32
    rate: float = 10.0
    verified: tuple[str, ...] = ()
    paths_ahead: tuple[str, ...] = ()
    paths_behind: tuple[str, ...] = ()
    began: float = 0.0

    @property
    def work(self) -> Path:
        """`folder` as a path."""
        return Path(self.folder)

    @property
    def gpu(self) -> int | None:
        """Number of the GPU; None: it works on the CPU."""
        kind, _, number = self.device.partition(":")
        return int(number or 0) if kind == "cuda" else None

    def left(self) -> float:
        """Seconds that are left."""
        return self.began + self.seconds - time.monotonic()

    def to_json(self) -> str:
        """For the process that does it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """What `to_json` has written."""
        fields = json.loads(text)
        lists = ("verified", "paths_ahead", "paths_behind")
        return cls(**{**fields, **{name: tuple(fields[name]) for name in lists}})
