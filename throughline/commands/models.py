"""`throughline models list|pull`: the catalogue of networks."""

from __future__ import annotations

__all__ = ["add_parser"]
