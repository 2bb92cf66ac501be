from __future__ import annotations

from typing import Any

import pytest

from evaluation.matching_changes import Change, baselines, changes_of, switches_of, with_matching
from throughline.settings import MatchingSettings, Site, parse_site

SITE = parse_site("""
site: town
cameras: [{id: a}, {id: b}, {id: c}]
links: [{from: a, to: b, travel: {min: 5, typical: 20, max: 60}, window: soft}]
groups: {square: {cameras: [b, c], link: {travel: {min: -5, max: 9}, window: hard}}}
matching: {same_camera: {penalty: 3.0}, reranking: {k1: 7}}
""")


def settings(site: Site) -> dict[str, Any]:
    """What matching depends on, by its path in the site file."""
    whole = site.model_dump(by_alias=True)
    parts = {name: whole[name] for name in ("links", "groups", "unlisted_links", "unlisted_travel")}
    for name, value in whole["matching"].items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        parts |= {f"{name}.{field}".rstrip("."): setting for field, setting in inner}
    return parts


def different(site: Site, before: Site = SITE) -> dict[str, Any]:
    old = settings(before)
    return {name: value for name, value in settings(site).items() if value != old[name]}


@pytest.mark.parametrize("change", changes_of(SITE.matching), ids=lambda change: change.name)
def test_each_change_leaves_a_valid_site_that_is_otherwise_matched(change: Change) -> None:
    changed = change.of(SITE)
    assert different(changed), change.name
    assert Site.model_validate(changed.model_dump(by_alias=True)) == changed
    outside = {"links", "groups", "unlisted_links", "matching"}
    assert changed.model_dump(exclude=outside) == SITE.model_dump(exclude=outside)


def test_every_kind_of_evidence_is_switched_alone() -> None:
    switches = {change.name.split("`")[1]: change for change in switches_of(SITE.matching)}
    assert {"appearance", "colour", "direction", "ground_position", "orientation", "travel_time"} < set(switches)
    assert set(switches) == {name for name, field in MatchingSettings.model_fields.items() if field.annotation is bool}
    sections = {change.name.split("`")[1]: change for change in changes_of(SITE.matching) if ".enabled" in change.name}
    assert set(sections) == {f"{name}.enabled" for name, value in SITE.matching if hasattr(value, "enabled")}
    for name, change in (switches | sections).items():
        assert different(change.of(SITE)) == {name: change.name.endswith(" on")}


@pytest.mark.parametrize("weighed", [True, False])
def test_what_is_off_is_turned_on(weighed: bool) -> None:
    site = with_matching(SITE, dict.fromkeys(("colour", "direction"), weighed) | {"reranking": {"enabled": weighed}})
    names = {change.name for change in changes_of(site.matching)}
    for name in ("colour", "direction", "reranking.enabled"):
        assert f"`{name}` {'off' if weighed else 'on'}" in names


@pytest.mark.parametrize("window", ["hard", "soft"])
def test_the_other_kind_of_window_holds_for_links_that_say_otherwise_too(window: str) -> None:
    site = with_matching(SITE, {"window": window})
    (change,) = (one for one in changes_of(site.matching) if "window:" in one.name)
    changed = change.of(site)
    assert changed.matching.window != window
    assert [link.window for link in (*changed.links, changed.groups["square"].link) if link] == [None, None]


def test_without_windows_any_time_will_do() -> None:
    (change,) = (one for one in changes_of(SITE.matching) if "travel windows" in one.name)
    changed = change.of(SITE)
    links = [link for link in (*changed.links, changed.groups["square"].link) if link]
    assert [link.travel for link in links] == [SITE.unlisted_travel] * 2
    assert [link.window for link in links] == ["soft", "hard"]


def test_what_is_left_without_looks_or_without_roads() -> None:
    looks, windows = (baseline.of(SITE) for baseline in baselines())
    assert [name for name, weighed in looks.matching if weighed is True] == ["appearance"]
    assert (looks.links, looks.groups, looks.unlisted_links) == ((), {}, "allow")
    assert [name for name, weighed in windows.matching if weighed is True] == []
    assert windows.matching.window == "hard"
    assert [link.travel for link in windows.links] == [link.travel for link in SITE.links]
    for site in (looks, windows):
        assert not site.matching.same_camera.enabled
        assert not site.matching.reranking.enabled


def test_other_settings_stay_in_sections_too() -> None:
    changed = with_matching(SITE, {"same_camera": {"enabled": False}, "exemplar_weight": 0.25})
    assert different(changed) == {"same_camera.enabled": False, "exemplar_weight": 0.25}
    assert changed.matching.same_camera.penalty == 3.0


@pytest.mark.parametrize(
    "misspelt", [{"apperance": False}, {"same_camera": {"enable": False}}, {"reranked": {"enabled": True}}, {"window": "firm"}]
)
def test_what_is_misspelt_is_refused(misspelt: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"matching\.\w+"):
        with_matching(SITE, misspelt)
