"""What stands on the terminal while the demo runs: what happens now, matches as they come, and a line of figures."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

__all__ = ["Screen"]

_PLAIN_INTERVAL = 15.0
_BOLD, _FAINT, _PLAIN = "\033[1m", "\033[2m", "\033[0m"
_CLEAR = "\r\033[K"


class Screen:
    """Text that scrolls, above one line that stays; where nobody looks (a pipe, a file) the line comes every now and then.

    Args:
        stream: Where it is written.
        live: Whether it is a terminal; default: as the stream says.
    """

    def __init__(self, stream: TextIO, *, live: bool | None = None) -> None:
        self._stream = stream
        self.live = stream.isatty() if live is None else live
        self._line = ""
        self._told = 0.0

    @property
    def width(self) -> int:
        """Characters that fit into a line."""
        return shutil.get_terminal_size((160, 24)).columns if self.live else 10_000

    def heading(self, text: str) -> None:
        """What happens now."""
        self.say(f"\n{_BOLD}{text}{_PLAIN}" if self.live else f"\n{text}")

    def say(self, text: str = "") -> None:
        """Lines that scroll."""
        if self.live:
            self._stream.write(f"{_CLEAR}{text}\n")
            self._draw()
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def row(self, text: str) -> None:
        """A line of a table, cut where the terminal ends; codes of colours in it do not count."""
        room = self.width + text.count("\033[") * 5
        self.say(text if len(text) <= room else text[: room - 1] + "…" + (_PLAIN if "\033[" in text else ""))

    def status(self, text: str, now: float | None = None) -> None:
        """The line that stays; an empty one takes it away."""
        if self.live:
            self._line = text
            self._stream.write(_CLEAR)
            self._draw()
            self._stream.flush()
            return
        now = time.monotonic() if now is None else now
        if text and (not self._told or now - self._told >= _PLAIN_INTERVAL):
            self._told = now
            self.say(text)

    def _draw(self) -> None:
        if self._line:
            self._stream.write(f"{_FAINT}{self._line[: self.width - 1]}{_PLAIN}")
