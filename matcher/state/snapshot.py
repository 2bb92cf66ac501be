"""A matcher as bytes, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import cramjam
from pydantic import BaseModel

from matcher.engine import Matcher
from matcher.events import configuration_hash
from matcher.state.core import build, classes
from matcher.state.encoding import StateError, decode, encode
from matcher.topology import Topology
from throughline.settings import Site

__all__ = ["Origin", "origin_of", "packed_state_of", "restored", "restored_from_packed", "state_of"]

_LEVEL = 1
"""Of zstd: vectors are mostly noise, and no level makes much of that."""


class Origin(NamedTuple):
    """Where a state comes from: it can go on only where the same records give the same decisions.

    Attributes:
        configuration: Hash of the settings that decide.
        build: Hash of the code that decides.
    """

    configuration: str
    build: str


def origin_of(site: Site) -> Origin:
    """What a state must come from to go on here, with this site."""
    return Origin(configuration_hash(site), build())


def state_of(matcher: Matcher) -> bytes:
    """All that a matcher has become; it changes nothing.

    Raises:
        StateError: there is something in it that cannot be written, which is a bug.
    """
    return encode(matcher, classes(), _given(matcher.site, matcher.topology))


def restored(site: Site, state: bytes) -> Matcher:
    """A matcher that goes on just as the one would have that the state was taken of.

    Args:
        site: The site, with the settings and in the build that the state comes from (see `origin_of`).
        state: What `state_of` gave.

    Raises:
        StateError: the bytes are no such state.
    """
    found = decode(state, classes(), _given(site, Topology(site)))
    if not isinstance(found, Matcher):
        raise StateError("this is a state, but not of a matcher")
    return found


def packed_state_of(matcher: Matcher) -> bytes:
    """`state_of`, smaller by a third or more.

    Raises:
        StateError: see `state_of`.
    """
    return bytes(cramjam.zstd.compress(state_of(matcher), _LEVEL))


def restored_from_packed(site: Site, packed: bytes) -> Matcher:
    """See `restored`.

    Args:
        site: See `restored`.
        packed: What `packed_state_of` gave.

    Raises:
        StateError: the bytes are damaged, or no such state.
    """
    try:
        state = bytes(cramjam.zstd.decompress(packed))
    except cramjam.DecompressionError as error:
        raise StateError(f"a snapshot is damaged: {error}") from error
    return restored(site, state)


def _given(site: Site, topology: Topology) -> dict[str, object]:
    """What a matcher is built around: the settings and the roads."""
    return {"topology": topology, **dict(_parts("site", site))}


def _parts(path: str, value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, BaseModel):
        yield path, value
        for name in type(value).model_fields:
            yield from _parts(f"{path}.{name}", getattr(value, name))
    elif isinstance(value, (tuple, list)):
        for number, one in enumerate(value):
            yield from _parts(f"{path}.{number}", one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _parts(f"{path}.{key}", one)
