"""Where things are kept that can be made or fetched again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder ``throughline/<name>`` in the user's cache; it may not exist yet."""
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "throughline" / name
