"""What a matcher's state is made of: the classes of the pure core, and nothing else."""

from __future__ import annotations

import enum
import hashlib
import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import version
from types import ModuleType
from typing import Any

import msgspec

import matcher
import throughline.messages
import throughline.types

__all__ = ["build", "classes"]

_ABOUT_THE_CORE = (
    "matcher.associate",
    "matcher.candidates",
    "matcher.comparing",
    "matcher.deciding",
    "matcher.delivery",
    "matcher.replay",
    "matcher.search",
    "matcher.service",
    "matcher.state",
    "matcher.trace",
    "matcher.witness",
)
"""Modules and packages that serve the core and hold none of its state."""
_LIBRARIES = ("numpy", "scipy", "msgspec")
"""What the core computes with."""


@cache
def _modules() -> tuple[ModuleType, ...]:
    found = (module.name for module in pkgutil.walk_packages(matcher.__path__, "matcher."))
    core = [name for name in found if not any(name == other or name.startswith(f"{other}.") for other in _ABOUT_THE_CORE)]
    return tuple(importlib.import_module(name) for name in sorted(core))


@cache
def classes() -> dict[str, type[Any]]:
    """Classes that objects of a state may have, by name: those of the core, and of messages that it keeps."""
    found = {
        f"{each.__module__}.{each.__qualname__}": each
        for module in _modules()
        for each in vars(module).values()
        if inspect.isclass(each) and each.__module__ == module.__name__
    }
    kept = (
        each
        for module in (throughline.messages, throughline.types)
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, (msgspec.Struct, enum.Enum)) and each.__module__.startswith("throughline.")
    )
    return found | {f"{each.__module__}.{each.__qualname__}": each for each in kept}


@cache
def build() -> str:
    """16 hexadecimal digits that change with the core's code and the libraries it computes with.

    Another build may decide otherwise, or keep its state in other ways.
    """
    digest = hashlib.blake2b(digest_size=8)
    for module in (*_modules(), importlib.import_module("matcher.state.encoding")):
        digest.update(inspect.getsource(module).encode())
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()
