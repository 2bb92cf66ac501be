"""Real trajectories with a truth; one setting for all sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.calibration import calibration_report
from evaluation.mtmc import evaluate_mtmc, true_vehicles
from matcher.associate import Association, associate, records_of, write_association
from tests.support.traffic import chain_site
from throughline.formats.aicity import AiCityRow, read_aicity
from throughline.formats.mot import read_mot
from throughline.formats.recorded_tracks import RecordedTrack, read_recorded_tracks
from throughline.messages import Progress, Tracklet, decode_match_event
from throughline.settings import Site, load_site


def rows_of(site: Site, association: Association) -> list[AiCityRow]:
    return [
        AiCityRow(
            site.camera(track.camera).number or 0,
            association.ids[track.tracklet.tracklet],
            box.frame,
            box.x,
            box.y,
            box.width,
            box.height,
        )
        for track in association.tracks
        for box in track.rows
    ]


def load(folder: Path) -> tuple[Site, list[RecordedTrack]]:
    site = load_site(folder / "site.yaml")
    return site, read_recorded_tracks(folder / "tracks", site)


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "least"), [("HCMC-12", 0.985), ("S03", 0.91), ("S01", 0.90)])
def test_cross_camera_identity_on_recorded_tracks(shared_data: Path, name: str, least: float) -> None:
    folder = shared_data / "association" / name
    site, tracks = load(folder)
    association = associate(site, tracks)
    truth = read_aicity(folder / "truth.txt")
    report = evaluate_mtmc(truth, rows_of(site, association))
    assert report.identity.f1 >= least
    local = [
        AiCityRow(site.camera(track.camera).number or 0, track.id, box.frame, box.x, box.y, box.width, box.height)
        for track in tracks
        for box in track.rows
    ]
    alone = evaluate_mtmc(truth, local)
    assert report.identity.f1 > alone.identity.f1
    vehicles = true_vehicles(truth, local)
    vehicle = {t.tracklet.tracklet: vehicles[site.camera(t.camera).number or 0, t.id] for t in tracks}
    joins = [event for event in association.events if event.kind == "confirmed" and event.joined is not None]
    right = [vehicle[e.tracklet.tracklet] == vehicle[e.joined.tracklet] for e in joins if e.joined is not None]
    calibration = calibration_report([event.probability or 0.0 for event in joins], right)
    assert calibration.error <= 0.08


@pytest.mark.shared_data
def test_the_result_is_the_same_twice_and_written_as_promised(shared_data: Path, tmp_path: Path) -> None:
    site, tracks = load(shared_data / "association" / "HCMC-12")
    for out in ("one", "two"):
        write_association(associate(site, reversed(tracks)), site, tmp_path / out)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["c001.txt", "c002.txt", "matches.jsonl", "tracks.txt"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    rows = read_aicity(tmp_path / "one" / "tracks.txt")
    boxes = {camera: read_mot(tmp_path / "one" / f"c00{camera}.txt") for camera in (1, 2)}
    assert len(rows) == len(boxes[1]) + len(boxes[2]) == sum(len(track.rows) for track in tracks)
    assert {row.id for row in rows} == {box.id for camera in (1, 2) for box in boxes[camera]}
    events = [decode_match_event(line) for line in (tmp_path / "one" / "matches.jsonl").read_bytes().splitlines()]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    final: dict[str, str] = {}
    for event in events:
        if event.kind != "provisional":
            final[event.tracklet.tracklet] = event.vehicle
    one = associate(site, tracks)
    names_by_id: dict[int, set[str]] = {}
    for tracklet, number in one.ids.items():
        names_by_id.setdefault(number, set()).add(final[tracklet])
    assert all(len(vehicles) == 1 for vehicles in names_by_id.values()), "ids are the last decided vehicles"


def test_each_track_comes_once_complete_at_its_end(tmp_path: Path) -> None:
    site = chain_site(2)
    (tmp_path / "c1.txt").write_text("1,1,0,0,9,9,1\n31,1,5,0,9,9,1\n11,2,0,0,9,9,1\n21,2,5,0,9,9,1\n")
    (tmp_path / "c2.txt").write_text("26,7,0,0,9,9,1\n")
    tracks = read_recorded_tracks(tmp_path, site)
    records = list(records_of(reversed(tracks), site))
    tracklets = [record for record in records if isinstance(record, Tracklet)]
    assert [(t.camera, t.state, t.end) for t in tracklets] == [
        ("c1", "closed", 2_000_000),
        ("c2", "closed", 2_500_000),
        ("c1", "closed", 3_000_000),
    ]
    reached = 0
    for record in records:
        if isinstance(record, Progress):
            reached = record.complete_to
        elif isinstance(record, Tracklet):
            assert record.end == reached, "no camera is ahead of what has ended"
    association = associate(site, tracks)
    assert sorted(association.ids.values()) == [1, 2, 3]
