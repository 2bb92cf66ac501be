from __future__ import annotations

import pytest

from matcher.events import configuration_hash
from throughline.settings import Site, parse_site


def site(camera: str = "", matching: str = "") -> Site:
    return parse_site(f"site: s\ncameras: [{{id: c1, {camera}}}, {{id: c2}}]\nmatching: {{{matching}}}")


GROUND = "ground: {homography: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}"


@pytest.mark.parametrize(
    ("camera", "matching"),
    [
        ("clock: {offset: 2}", ""),
        (GROUND, ""),
        ("matching: {type_trust: {truck: 0.3}}", ""),
        ("matching: {same_camera: {penalty: 5}}", ""),
        ("", "colour: false"),
        ("", "merged_types: [[bus, truck]]"),
    ],
)
def test_settings_that_decide_change_the_hash(camera: str, matching: str) -> None:
    assert configuration_hash(site(camera, matching)) != configuration_hash(site())


@pytest.mark.parametrize(
    "camera", ["url: video.mp4", "fps: 5", "ignore: [[[0, 0], [1, 0], [1, 1]]]", "matching: {type_trust: 1}"]
)
def test_others_do_not(camera: str) -> None:
    assert configuration_hash(site(camera)) == configuration_hash(site())
