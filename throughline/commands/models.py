"""`throughline models list|pull`: the catalogue of networks."""

from __future__ import annotations

import argparse

__all__ = ["add_parser"]
