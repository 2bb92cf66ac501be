"""`throughline check` on a site with one good camera and several bad ones."""

import json
from pathlib import Path

import pytest

from simulation.drawn_road import draw_road
from throughline.commands._capacity import CameraCost, Capacity, Proposal
from throughline.commands._findings import _capacity
from throughline.commands.main import main


def test_a_good_camera_is_measured_and_bad_ones_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    clip = draw_road(tmp_path, seconds=6).clips["c01"]
    (tmp_path / "rubbish.mp4").write_bytes(bytes(range(256)) * 100)
    site = tmp_path / "site.yaml"
    site.write_text(
        f"site: a\nkafka: {{embedded_port: {free_port}}}\n"
        "models: {detector: motion, embedders: [{model: colour-histogram}]}\n"
        "streams: {read_timeout: 1s, open_timeout: 2s}\n"
        f"cameras:\n  - {{id: good, url: {clip}}}\n  - {{id: gone, url: gone.mp4}}\n  - {{id: rubbish, url: rubbish.mp4}}\n"
        "  - {id: refused, url: 'rtsp://anna:s3cret@127.0.0.1:9/x'}\n"
        "links: [{from: good, to: gone, travel: {min: 1, max: 9}}]\n"
    )
    assert main(["check", str(site), "--seconds", "1", "--json"]) == 1
    out = capsys.readouterr().out
    assert "s3cret" not in out
    findings = {finding["subject"]: finding for finding in json.loads(out)["findings"]}
    assert findings["camera good"]["state"] == "ok"
    assert "640x360, 10.0 frames a second" in findings["camera good"]["text"]
    assert "not_found" in findings["camera gone"]["text"]
    assert "undecodable" in findings["camera rubbish"]["text"]
    assert "refused" in findings["camera refused"]["text"]
    assert all(findings[f"camera {name}"]["state"] == "failed" for name in ("gone", "rubbish", "refused"))
    assert findings["links"]["state"] == "warning"
    assert findings["kafka"]["state"] == "warning"
    assert findings["models"]["text"] == "motion, colour-histogram"
    assert "cameras that answer (1)" in findings["capacity"]["text"]
    assert " at 10, " in findings["capacity"]["text"]


def _of(cores: int, analysed_fps: float, *cameras: CameraCost) -> Capacity:
    return Capacity(cores, analysis=0.02, embedding=0.004, analysed_fps=analysed_fps, cameras=cameras)


CAMERA = CameraCost(source_fps=25.0, fps=10.0, decoding=0.004)
"""0.1 of a core for decoding, 0.2 for analysis and 0.02 for embedding."""


def test_capacity_proposes_how_many_cameras_fit_at_which_rate() -> None:
    capacity = _of(2, 100.0, CAMERA, CAMERA)
    assert capacity.wanted_cores == pytest.approx(0.64)
    assert capacity.load == pytest.approx(0.4)
    assert capacity.proposals() == (Proposal(5, 10.0), Proposal(7, 5.0), Proposal(10, 2.0))
    finding = _capacity(capacity)
    assert finding.state == "ok"
    assert "5 at 10, 7 at 5, 10 at 2" in finding.text


def test_what_was_measured_counts_where_it_is_less_than_the_cores_promise() -> None:
    assert _of(2, 25.0, CAMERA, CAMERA).load == pytest.approx(1.0)
    assert _of(64, 25.0, CAMERA).proposals()[:2] == (Proposal(2, 10.0), Proposal(4, 5.0))


def test_capacity_says_by_how_much_to_look_less_often() -> None:
    capacity = _of(2, 100.0, *[CAMERA] * 8)
    assert capacity.load == pytest.approx(1.6)
    share = (1.6 - 8 * 0.1) / (8 * 0.22)
    assert capacity.fitting_rate == pytest.approx(share)
    finding = _capacity(capacity)
    assert finding.state == "warning"
    assert f"analyse {share:.0%} as many frames" in finding.text


def test_capacity_says_when_decoding_alone_is_too_much() -> None:
    finding = _capacity(_of(2, 100.0, *[CAMERA] * 20))
    assert finding.state == "warning"
    assert "decoding alone is too much" in finding.text


def test_a_camera_is_not_looked_at_more_often_than_it_sends() -> None:
    slow = CameraCost(source_fps=4.0, fps=4.0, decoding=0.004)
    assert [proposal.fps for proposal in _of(2, 100.0, slow).proposals()] == [4.0, 2.0]
