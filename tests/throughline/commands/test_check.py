"""`throughline check` on a site with one good camera and several bad ones."""

import json
from pathlib import Path

import pytest

from simulation.drawn_road import draw_road
from throughline.commands._findings import _capacity
from throughline.commands.main import main
from throughline.settings import parse_site

TWO = parse_site("site: a\ncameras: [{id: c1, url: a.mp4, fps: 10}, {id: c2, url: b.mp4, fps: 5}]\n")


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


def test_capacity_says_how_many_fit_or_what_rate_would() -> None:
    fits = _capacity(TWO, 0.001, 2)
    assert fits.state == "ok"
    assert "cameras like these would fit" in fits.text
    too_much = _capacity(TWO, 1000.0, 2)
    assert too_much.state == "warning"
    assert "analyse about 0.0 frames a second" in too_much.text
