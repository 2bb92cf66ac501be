"""Writes what was imported: the site file, and files of each camera beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from throughline.settings import Site, parse_site

__all__ = ["write_site"]


class _Dumper(yaml.SafeDumper):
    """Lists of numbers on one line."""


def _represent_list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.nodes.Node:
    flow = all(isinstance(value, (int, float)) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flow)


_Dumper.add_representer(list, _represent_list)


def write_site(path: Path, site: Mapping[str, Any], comment: str) -> Site:
    """Writes a site file, and reads it again.

    Args:
        path: The file.
        site: What it says.
        comment: What stands above it, without number signs.

    Raises:
        SiteFileError: it makes no sense.
        OSError: it cannot be written.
    """
    above = "".join(f"# {line}\n" for line in comment.splitlines())
    text = above + yaml.dump(dict(site), Dumper=_Dumper, sort_keys=False, width=120)
    path.write_text(text, encoding="utf-8")
    return parse_site(text, name=str(path))
