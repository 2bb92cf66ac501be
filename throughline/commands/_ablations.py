"""The matcher with one thing changed at a time, on recorded tracks with a truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from throughline.formats.aicity import AiCityRow
from throughline.settings import Site

if TYPE_CHECKING:
    from evaluation.ablation import AblationTable
    from evaluation.mtmc import MtmcReport
    from throughline.formats.recorded_tracks import RecordedTrack

__all__ = ["ablate"]


def ablate(
    site: Site,
    tracks: Sequence[RecordedTrack],
    score: Callable[[Sequence[AiCityRow]], MtmcReport],
    true_vehicle: Mapping[str, int],
    say: Callable[[str], object],
) -> AblationTable:
    """Runs the matcher as it is, and once with each of `evaluation.matching_changes.changes_of`.

    Args:
        site: As it is.
        tracks: Of its cameras.
        score: Compares what was found with the truth.
        true_vehicle: By tracklet id; what nobody can do better than is to put exactly these tracks together.
        say: Called with what is done.
    """
    from evaluation.ablation import AblationRow, AblationTable
    from evaluation.matching_changes import changes_of
    from matcher.associate import associate
    from throughline.formats.recorded_tracks import rows_with

    def measured(name: str, ids: Mapping[str, int], same: bool = False) -> AblationRow:
        report = score(rows_with(site, tracks, ids))
        return AblationRow(name, (report.identity.f1, report.hota.mean_hota, report.pairs.f1), same)

    say("as it is")
    base = associate(site, tracks)
    rows = []
    for change in changes_of(site.matching):
        say(change.name)
        changed = associate(change.of(site), tracks)
        rows.append(measured(change.name, changed.ids, _groups(changed.ids) == _groups(base.ids)))
    own = {track.tracklet.tracklet: -number for number, track in enumerate(tracks, 1)}
    limits = (measured("no joins at all", own), measured("these tracks, joined without error", {**own, **true_vehicle}))
    return AblationTable(("IDF1", "HOTA", "pairwise F1"), measured("as it is", base.ids), tuple(rows), limits)


def _groups(ids: Mapping[str, int]) -> set[frozenset[str]]:
    """Which tracklets are put together, whatever the vehicles are called."""
    groups: dict[int, set[str]] = {}
    for tracklet, vehicle in ids.items():
        groups.setdefault(vehicle, set()).add(tracklet)
    return {frozenset(group) for group in groups.values()}
