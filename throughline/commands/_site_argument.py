"""The SITE argument that several commands take."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_site"]


def add_site(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Adds SITE (or SITE...) to a command."""
    parser.add_argument("site", metavar="SITE", type=Path, nargs="+" if several else None, help="site file (YAML)")
