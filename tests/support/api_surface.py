"""Tells as JSON what classes of an extension module offer: ``python -m tests.support.api_surface MODULE CLASS...``.

Runs in a process of its own where libraries have to be put in place first, so it imports nothing of the product.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["surface"]


def surface(module: str, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each class that the module has, what it offers: for a method the [least, most] arguments of each overload, for anything
    else None."""
    api = importlib.import_module(module)
    found: dict[str, dict[str, Any]] = {}
    for name in classes:
        kind = getattr(api, name, None)
        if kind is not None:
            members = [*dir(kind), *getattr(kind, "__members__", ())]
            offered = {member: _overloads(member, getattr(kind, member)) for member in members if not member.startswith("_")}
            found[name] = {**offered, "__init__": None}
    return found


def _overloads(name: str, member: Any) -> list[list[int]] | None:
    """From the signatures that pybind11 writes into the documentation."""
    if not callable(member):
        return None
    lines = [line.strip() for line in (member.__doc__ or "").splitlines()]
    signatures = [line.split(". ", 1)[-1] for line in lines if f"{name}(" in line and "->" in line]
    return [_count(line[line.index("(") + 1 : line.rindex(") ->")]) for line in signatures if "*args" not in line]


def _count(arguments: str) -> list[int]:
    depth, parts, current = 0, [], ""
    for letter in arguments:
        depth += (letter in "[(<{") - (letter in "])>}")
        if letter == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += letter
    parts = [part.strip() for part in [*parts, current] if part.strip()]
    parts = [part for part in parts if not part.startswith("self:")]
    return [sum("=" not in part for part in parts), len(parts)]


if __name__ == "__main__":
    print(json.dumps(surface(sys.argv[1], sys.argv[2:])))
