from __future__ import annotations

import numpy as np
import pytest

from benchmarks._association_sets import AssociationSet
from benchmarks._association_variants import (
    Variant,
    ablations,
    clocks_wrong,
    robustness,
    windows_widened,
    without_embeddings,
    without_links,
)
from evaluation.matching_changes import with_matching
from tests.support.traffic import chain_site, tracklet
from throughline.formats.recorded_tracks import RecordedTrack
from throughline.settings import MatchingSettings

SITE = chain_site(5)


def recorded(tracks: int) -> AssociationSet:
    seen = [tracklet("c1", 10.0 * number, 10.0 * number + 5, look=np.eye(64)[number % 64]) for number in range(tracks)]
    return AssociationSet("drawn", SITE, tuple(RecordedTrack("c1", n, (), one) for n, one in enumerate(seen)), (), {})


@pytest.mark.parametrize(("share", "left"), [(0.5, 2), (0.25, 3), (1.0, 0), (0.1, 3)])
def test_a_share_of_the_links_is_removed_and_the_seed_says_which(share: float, left: int) -> None:
    changed = without_links(SITE, share, 1)
    assert len(changed.links) == left
    assert set(changed.links) <= set(SITE.links)
    assert changed.unlisted_links == "learn"
    assert changed == without_links(SITE, share, 1)


def test_other_seeds_remove_other_links() -> None:
    assert len({without_links(SITE, 0.5, seed).links for seed in range(20)}) > 1


def test_clocks_are_set_wrong_camera_by_camera() -> None:
    site = clocks_wrong(SITE, [0, 2, 0, -2, 0], uncertainty=1.5)
    assert [camera.clock.offset for camera in site.cameras] == [0, 2, 0, -2, 0]
    assert {camera.clock.uncertainty for camera in site.cameras} == {1.5}
    with pytest.raises(ValueError, match="zip"):
        clocks_wrong(SITE, [1.0])


def test_windows_are_widened_around_their_middle() -> None:
    for link, wide in zip(SITE.links, windows_widened(SITE, 2.0).links, strict=True):
        assert wide.travel.max - wide.travel.min == 2 * (link.travel.max - link.travel.min)
        assert wide.travel.max + wide.travel.min == link.travel.max + link.travel.min
        assert wide.travel.mode == link.travel.mode


def test_a_share_of_the_embeddings_is_missing_and_the_seed_says_which() -> None:
    whole = recorded(1000)
    changed = without_embeddings(whole, 0.3, 1)
    missing = [not track.tracklet.embeddings for track in changed.tracks]
    assert 250 < sum(missing) < 350
    assert missing == [not track.tracklet.embeddings for track in without_embeddings(whole, 0.3, 1).tracks]
    assert missing != [not track.tracklet.embeddings for track in without_embeddings(whole, 0.3, 2).tracks]
    assert [track.tracklet.tracklet for track in changed.tracks] == [track.tracklet.tracklet for track in whole.tracks]


@pytest.mark.parametrize("colour", [True, False])
def test_what_the_matcher_weighs_is_switched_off_and_what_it_does_not_on(colour: bool) -> None:
    variants = {variant.name: variant for variant in ablations(MatchingSettings(colour=colour))}
    site = with_matching(SITE, {"colour": colour})
    turned = variants[f"`colour` {'off' if colour else 'on'}"]
    assert turned.site(site, 1) == with_matching(SITE, {"colour": not colour})
    assert turned.kind == "ablation"
    assert len(variants) == 8


@pytest.mark.parametrize("variant", robustness(), ids=lambda variant: f"{variant.name} {variant.drawn}")
def test_each_fault_is_one_and_only_those_of_chance_depend_on_the_seed(variant: Variant) -> None:
    whole = recorded(50)
    results = [(variant.site(SITE, seed), variant.recorded(whole, seed).tracks) for seed in range(8)]
    assert all(result != (SITE, whole.tracks) for result in results)
    assert all(result == results[0] for result in results) != variant.drawn
