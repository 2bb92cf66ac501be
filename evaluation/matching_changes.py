"""A site with one thing about its matching changed at a time: what ablations run, in commands and in benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from throughline.settings import MatchingSettings, Site

__all__ = ["Change", "baselines", "changes_of", "switches_of", "with_matching"]

_EVIDENCE = tuple(sorted(name for name, field in MatchingSettings.model_fields.items() if isinstance(field.default, bool)))
_SECTIONS = ("same_camera", "reranking")
"""Those that are switched by a field ``enabled`` of theirs."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise.

    Attributes:
        name: What, as the site file calls it.
        of: The site file with it.
    """

    name: str
    of: Callable[[Site], Site]


def changes_of(matching: MatchingSettings) -> list[Change]:
    """Everything that a site file can switch, each turned round, and what is left with little of it.

    Two rules have no switch, since to break them is never right: nothing happens before it happened, and two tracks at the same
    time in one camera are two vehicles.

    Args:
        matching: As it is; what is on is turned off, and the other way round.
    """
    other = "hard" if matching.window == "soft" else "soft"
    return [
        *switches_of(matching),
        *(_turned(f"{name}.enabled", on=getattr(matching, name).enabled) for name in _SECTIONS),
        Change("`exemplar_weight: 0`", lambda site: with_matching(site, {"exemplar_weight": 0.0})),
        Change("`missed_share: 0`", lambda site: with_matching(site, {"missed_share": 0.0})),
        Change(f"`window: {other}`", lambda site: _with_window(site, other)),
        Change("no travel windows: `unlisted_travel` for all links", _without_windows),
        Change("no links: `unlisted_links: allow`", lambda site: _without_links(site, "allow")),
        Change("no links: `unlisted_links: learn`", lambda site: _without_links(site, "learn")),
        *baselines(),
    ]


def switches_of(matching: MatchingSettings) -> list[Change]:
    """Each kind of evidence that is weighed is not, and the other way round."""
    return [_turned(name, on=getattr(matching, name)) for name in _EVIDENCE]


def baselines() -> list[Change]:
    """What would be left of the matcher in a product that knows only looks, or only roads."""
    nothing = dict.fromkeys(_EVIDENCE, False) | {name: {"enabled": False} for name in _SECTIONS}
    looks = nothing | {"appearance": True}
    return [
        Change("appearance alone", lambda site: _without_links(with_matching(site, looks), "allow")),
        Change("hand-written windows alone", lambda site: _with_window(with_matching(site, nothing), "hard")),
    ]


def with_matching(site: Site, changed: Mapping[str, Any]) -> Site:
    """The site with other settings of ``matching``; the others stay, in its sections too.

    Raises:
        ValueError: no such setting, or not such a value.
    """
    whole = site.model_dump(by_alias=True)
    before = whole["matching"]
    after = {name: {**before.get(name, {}), **value} if isinstance(value, Mapping) else value for name, value in changed.items()}
    return Site.model_validate(whole | {"matching": before | after})


def _turned(name: str, *, on: bool) -> Change:
    section, _, field = name.rpartition(".")
    changed = {section: {field: not on}} if section else {name: not on}
    return Change(f"`{name}` {'off' if on else 'on'}", lambda site: with_matching(site, changed))


def _with_window(site: Site, window: str) -> Site:
    """All links have that kind of window, those that say otherwise too."""
    return _each_link(with_matching(site, {"window": window}), window=None)


def _without_windows(site: Site) -> Site:
    """Every link with the window that is looked at where nobody listed one."""
    return _each_link(site, travel=site.unlisted_travel)


def _each_link(site: Site, **changed: Any) -> Site:
    """Other settings of all links, those of groups too."""
    links = tuple(link.model_copy(update=changed) for link in site.links)
    groups = {
        name: group if group.link is None else group.model_copy(update={"link": group.link.model_copy(update=changed)})
        for name, group in site.groups.items()
    }
    return site.model_copy(update={"links": links, "groups": groups})


def _without_links(site: Site, policy: str) -> Site:
    """Every camera may lead to every other one (`allow`), or the matcher finds out which do (`learn`)."""
    return site.model_copy(update={"links": (), "groups": {}, "unlisted_links": policy})
