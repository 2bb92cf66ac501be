"""The matcher with one thing changed at a time, on recorded tracks with a truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from throughline.formats.aicity import AiCityRow
from throughline.settings import MatchingSettings, Site

if TYPE_CHECKING:
    from evaluation.ablation import AblationTable
    from evaluation.mtmc import MtmcReport
    from throughline.formats.recorded_tracks import RecordedTrack

__all__ = ["Change", "ablate", "changes_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise.

    Attributes:
        name: What, as the site file calls it.
        of: The site file with it.
    """

    name: str
    of: Callable[[Site], Site]


def changes_of(site: Site) -> list[Change]:
    """Everything that a site file can switch, each turned round, and what is left with little of it.

    Two rules have no switch, since to break them is never right: nothing happens before it happened, and two tracks at the same
    time in one camera are two vehicles.
    """
    matching = site.matching
    switches = [name for name, field in MatchingSettings.model_fields.items() if isinstance(field.default, bool)]
    found = [_turned(name, on=bool(getattr(matching, name))) for name in switches]
    found += [_turned(f"{name}.enabled", on=getattr(matching, name).enabled) for name in ("same_camera", "reranking")]
    other = "hard" if matching.window == "soft" else "soft"
    found.append(Change(f"`window: {other}`", lambda one: _with(one, {"window": other}, window=None)))
    found.append(Change("no travel windows: `unlisted_travel` for all links", _without_windows))
    found.append(Change("no links: `unlisted_links: allow`", _without_links))
    nothing = dict.fromkeys(switches, False) | {"same_camera": {"enabled": False}, "reranking": {"enabled": False}}
    found.append(Change("appearance alone", lambda one: _without_windows(_with(one, nothing | {"appearance": True}))))
    found.append(Change("hand-written windows alone", lambda one: _with(one, nothing | {"window": "hard"}, window=None)))
    return found


def ablate(
    site: Site,
    tracks: Sequence[RecordedTrack],
    score: Callable[[Sequence[AiCityRow]], MtmcReport],
    true_vehicle: Mapping[str, int],
    say: Callable[[str], object],
) -> AblationTable:
    """Runs the matcher as it is, and once with each of `changes_of`.

    Args:
        site: As it is.
        tracks: Of its cameras.
        score: Compares what was found with the truth.
        true_vehicle: By tracklet id; what nobody can do better than is to put exactly these tracks together.
        say: Called with what is done.
    """
    from evaluation.ablation import AblationRow, AblationTable
    from matcher.associate import associate
    from throughline.formats.recorded_tracks import rows_with

    def measured(name: str, ids: Mapping[str, int], same: bool = False) -> AblationRow:
        report = score(rows_with(site, tracks, ids))
        return AblationRow(name, (report.identity.f1, report.hota.mean_hota, report.pairs.f1), same)

    say("as it is")
    base = associate(site, tracks)
    rows = []
    for change in changes_of(site):
        say(change.name)
        changed = associate(change.of(site), tracks)
        rows.append(measured(change.name, changed.ids, _groups(changed.ids) == _groups(base.ids)))
    own = {track.tracklet.tracklet: -number for number, track in enumerate(tracks, 1)}
    limits = (measured("no joins at all", own), measured("these tracks, joined without error", {**own, **true_vehicle}))
    return AblationTable(("IDF1", "HOTA", "pairwise F1"), measured("as it is", base.ids), tuple(rows), limits)


def _turned(name: str, *, on: bool) -> Change:
    section, _, field = name.rpartition(".")
    changed = {section: {field: not on}} if section else {name: not on}
    return Change(f"`{name}` {'off' if on else 'on'}", lambda site: _with(site, changed))


def _with(site: Site, matching: Mapping[str, Any], **links: Any) -> Site:
    """The site with other settings of ``matching``, and of each link; the others stay."""
    whole = site.model_dump(by_alias=True)
    before = whole["matching"]
    changed = {name: {**before[name], **value} if isinstance(value, Mapping) else value for name, value in matching.items()}
    listed = [{**link, **links} for link in whole["links"]]
    return Site.model_validate(whole | {"matching": {**before, **changed}, "links": listed})


def _without_windows(site: Site) -> Site:
    """Every link with the window that is looked at where nobody listed one."""
    links = tuple(link.model_copy(update={"travel": site.unlisted_travel}) for link in site.links)
    return site.model_copy(update={"links": links})


def _without_links(site: Site) -> Site:
    return site.model_copy(update={"links": (), "groups": {}, "unlisted_links": "allow"})


def _groups(ids: Mapping[str, int]) -> set[frozenset[str]]:
    """Which tracklets are put together, whatever the vehicles are called."""
    groups: dict[int, set[str]] = {}
    for tracklet, vehicle in ids.items():
        groups.setdefault(vehicle, set()).add(tracklet)
    return {frozenset(group) for group in groups.values()}
