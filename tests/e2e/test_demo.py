"""`throughline demo` from nothing: it draws its footage, runs the product on it, and ends with its report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks._processes import free_port
from throughline.commands.main import main

SPEEDS = (1.0, 0.5, 0.25)
"""A machine that has no time for the frames of live cameras drops some, as it should; it is then asked for fewer a second."""


def demo(folder: Path, speed: float) -> tuple[dict[str, Any], str]:
    """Its report, and what it said meanwhile."""
    arguments = ["demo", "--footage", "drawn", "--minutes", "0.3", "--json", "--report", str(folder / "report.html")]
    ports = ["--kafka-port", str(free_port()), "--metrics-port", str(free_port()), "--search-port", "0", "--page-port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "throughline.commands", *arguments, *ports, "--speed", str(speed)],
        env={**os.environ, "XDG_CACHE_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report, done.stderr


def kept_up(report: dict[str, Any]) -> bool:
    """Whether hardly any frame was dropped for want of time."""
    return all(camera["dropped_busy"] <= 0.1 * camera["analysed"] for camera in report["frames"].values())


@pytest.mark.slow
def test_the_demo_needs_nothing_and_ends_with_a_report(tmp_path: Path) -> None:
    report, said = next(run for speed in SPEEDS if kept_up((run := demo(tmp_path, speed))[0]) or speed == SPEEDS[-1])
    assert "Drawn footage: three cameras along a road" in said
    assert "confirmed" in said
    assert "Traceback" not in said
    assert report["footage"] == "DrawnRoad"
    assert report["matched"] + report["missed"] == report["true_passages"] > 0
    assert report["matched"] >= 1
    assert all(camera["analysed"] > 0 for camera in report["frames"].values())
    assert 0.0 < report["mtmc"]["idf1"] <= 1.0
    assert report["calibration"]["count"] > 0
    html = (tmp_path / "report.html").read_text()
    assert "Matches, looked at" in html
    assert "Across cameras" in html
    assert "Look at http://127.0.0.1:" in said, "the demo says where its page is"
    events = f"events {tmp_path / 'throughline' / 'demo' / 'site.yaml'}"
    assert events in said, "the demo says how to read along"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--video-dir", "nowhere"], "--video-dir: nowhere is not a folder"),
        (["--site", "site.yaml"], "--site goes with --video-dir"),
        (["--footage", "drawn", "--video-dir", "."], "--video-dir and --footage exclude each other"),
        (["--footage", "drawn", "--cameras", "2"], "--cameras goes with the city"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_real_footage_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "throughline.commands", "demo", "--footage", "real"],
        env={**os.environ, "THROUGHLINE_SHARED_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"throughline: no real footage at {tmp_path}: set THROUGHLINE_SHARED_DATA")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.split() == ["Preparing", "footage"]
