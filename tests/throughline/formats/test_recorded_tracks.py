from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from throughline.formats import FormatError
from throughline.formats.recorded_tracks import frame_time, read_recorded_tracks
from throughline.settings import parse_site
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS

SITE = parse_site("site: s\ncameras: [{id: c1, fps: 8, recorded_fps: 30, clock: {offset: -1.5}}, {id: c2, fps: 10}]")


def write(folder: Path) -> None:
    (folder / "c1.txt").write_text("61,5,0,0,9,9,1\n1,5,2,0,9,9,1\n31,2,0,0,9,9,1\n")
    (folder / "c2.txt").write_text("6,1,0,0,9,9,1\n")
    np.savez(
        folder / "c1.npz",
        ids=np.array([2, 5]),
        embeddings=np.array([[0.0, 2.0], [3.0, 0.0]], np.float32),
        type=np.array([[0.0, 0.0, 1.0], [1.0, 3.0, 0.0]], np.float32),
    )


def test_frames_become_times_in_whole_microseconds() -> None:
    camera = SITE.camera("c1")
    assert [frame_time(camera, frame) for frame in (1, 2, 31)] == [-1_500_000, -1_466_667, -500_000]
    assert frame_time(SITE.camera("c2"), 6) == 500_000


def test_tracks_come_in_the_order_of_their_ends(tmp_path: Path) -> None:
    write(tmp_path)
    tracks = read_recorded_tracks(tmp_path, SITE)
    assert [(track.camera, track.id) for track in tracks] == [("c1", 2), ("c1", 5), ("c2", 1)]
    assert [track.tracklet.end for track in tracks] == [-500_000, 500_000, 500_000]
    tracklet = tracks[1].tracklet
    assert (tracklet.state, tracklet.start, tracklet.sightings) == ("closed", -1_500_000, 2)
    assert [point.x for point in tracklet.path] == [2.0, 0.0], "rows need not be in order"
    assert tracklet.embeddings[0].vector() == pytest.approx([1.0, 0.0])
    assert tracklet.types == {"car": 0.25, "motorcycle": 0.75, "bus": 0.0}
    assert tracks[2].tracklet.embeddings == ()
    assert len({track.tracklet.tracklet for track in tracks}) == 3


def test_colours_and_orientations_are_shares_and_zeros_are_not_known(tmp_path: Path) -> None:
    write(tmp_path)
    colour, orientation = np.zeros((2, 11)), np.zeros((2, 8))
    colour[0, VEHICLE_COLOURS.index("red")] = 3.0
    colour[0, VEHICLE_COLOURS.index("orange")] = 1.0
    orientation[1, ORIENTATIONS.index("rear")] = 0.8
    np.savez(tmp_path / "c1.npz", ids=np.array([2, 5]), colour=colour, orientation=orientation)
    red, rear, neither = (track.tracklet for track in read_recorded_tracks(tmp_path, SITE))
    assert dict(zip(VEHICLE_COLOURS, red.attributes["colour"], strict=True))["red"] == 0.75
    assert sum(red.attributes["colour"]) == 1.0
    assert red.orientation == ()
    assert dict(zip(ORIENTATIONS, rear.orientation, strict=True))["rear"] == 1.0
    assert rear.attributes == neither.attributes == {}
    assert neither.orientation == ()


def test_equal_embeddings_of_all_cameras_are_of_one_model(tmp_path: Path) -> None:
    write(tmp_path)
    np.savez(tmp_path / "c2.npz", ids=np.array([1]), embeddings=np.array([[1.0, 0.0]]))
    first, *_, last = read_recorded_tracks(tmp_path, SITE)
    one, other = first.tracklet.embeddings[0], last.tracklet.embeddings[0]
    assert (one.model, one.hash) == (other.model, other.hash)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"embeddings": np.ones((2, 4))}, "'ids'"),
        ({"ids": np.array([2, 5]), "embeddings": np.ones((3, 4))}, "'embeddings'"),
        ({"ids": np.array([2, 5]), "embeddings": np.full((2, 4), np.nan)}, "finite"),
        ({"ids": np.array([2, 5]), "type": np.ones((2, 9))}, "there are 5 types"),
        ({"ids": np.array([2, 5]), "colour": np.ones((2, 10))}, "'colour' has 10 columns, expected 11: black, white"),
        ({"ids": np.array([2, 5]), "orientation": np.ones((2, 4))}, "'orientation' has 4 columns, expected 8: front, rear"),
        ({"ids": np.array([2, 5]), "colour": np.ones(2)}, "'colour'"),
    ],
)
def test_arrays_that_do_not_fit_are_one_clear_error(tmp_path: Path, arrays: dict[str, np.ndarray], problem: str) -> None:
    write(tmp_path)
    np.savez(tmp_path / "c1.npz", **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for flags
    with pytest.raises(FormatError, match=problem):
        read_recorded_tracks(tmp_path, SITE)


def test_folders_that_do_not_fit_the_site(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        read_recorded_tracks(tmp_path / "none", SITE)
    with pytest.raises(FormatError, match=r"c1\.txt"):
        read_recorded_tracks(tmp_path, SITE)
    write(tmp_path)
    (tmp_path / "c2.npz").write_bytes(b"not a zip")
    with pytest.raises(FormatError, match=r"c2\.npz: not an npz"):
        read_recorded_tracks(tmp_path, SITE)
    (tmp_path / "c7.txt").write_text("1,1,0,0,9,9\n")
    with pytest.raises(FormatError, match="has no camera c7"):
        read_recorded_tracks(tmp_path, SITE)


def test_two_boxes_of_one_track_in_one_frame(tmp_path: Path) -> None:
    (tmp_path / "c1.txt").write_text("1,5,0,0,9,9,1\n1,5,2,0,9,9,1\n")
    with pytest.raises(FormatError, match="two boxes in one frame"):
        read_recorded_tracks(tmp_path, SITE)


def test_times_of_frames_may_be_told(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "c1.frames").write_text("1,100.25\n31,101.125\n61,103.000001\n")
    tracks = {(track.camera, track.id): track.tracklet for track in read_recorded_tracks(tmp_path, SITE)}
    whole = tracks["c1", 5]
    assert (whole.start, whole.end) == (98_750_000, 101_500_001), "with the clock's offset"
    assert tracks["c2", 1].end == 500_000
    (tmp_path / "c1.frames").write_text("1,100.25\n61,103.0\n")
    with pytest.raises(FormatError, match=r"c1\.txt: frame 31 is not listed in c1\.frames"):
        read_recorded_tracks(tmp_path, SITE)
    (tmp_path / "c1.frames").write_text("1\n")
    assert {track.tracklet.end for track in read_recorded_tracks(tmp_path, SITE)} == {-500_000, 500_000}, "numbers tell no times"


def test_places_on_the_ground_follow_from_the_calibration(tmp_path: Path) -> None:
    ground = "{homography: [[0.1, 0, 0], [0, 0.2, 0], [0, 0, 1]]}"
    site = parse_site(f"site: test\ncameras:\n  - {{id: c1, fps: 10, ground: {ground}}}\n  - {{id: c2, fps: 10}}\n")
    for camera in ("c1", "c2"):
        (tmp_path / f"{camera}.txt").write_text("1,7,100,50,20,30,1,-1,-1,-1\n2,7,110,50,20,30,1,-1,-1,-1\n")
    placed, unplaced = sorted(read_recorded_tracks(tmp_path, site), key=lambda track: track.camera)
    found = [point.ground for point in placed.tracklet.path]
    assert [(place.x, place.y) for place in found if place is not None] == [(11.0, 16.0), (12.0, 16.0)]
    assert [point.ground for point in unplaced.tracklet.path] == [None, None]
