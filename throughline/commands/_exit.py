"""Exit codes, and the error that carries one."""

from __future__ import annotations

from typing import Final

__all__ = ["BAD_INPUT", "FAILED", "INTERRUPTED", "CommandError"]

FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130


class CommandError(Exception):
    """A command cannot go on; the text is one clear line for the user."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code
