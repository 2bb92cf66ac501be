"""`throughline evaluate`: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from throughline.commands.main import main


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two cameras with truth, in two layouts, and a result of one of them: a track cut in two."""
    (tmp_path / "truth" / "c2" / "gt").mkdir(parents=True)
    (tmp_path / "result").mkdir()
    lines = [f"{frame},1,10,10,20,40,1,1,1\n{frame},2,90,10,20,15,1,1,1\n" for frame in range(1, 11)]
    (tmp_path / "truth" / "c1.txt").write_text("".join(lines))
    (tmp_path / "truth" / "c2" / "gt" / "gt.txt").write_text("1,1,10,10,20,40,0,1,1\n2,1,10,10,20,40,1,1,1\n")
    rows = [f"{frame},{7 if frame < 6 else 8},10,10,20,40,0.9,-1,-1,-1\n" for frame in range(1, 11)]
    (tmp_path / "result" / "c1.txt").write_text("".join(rows))
    return tmp_path


def evaluate(folders: Path, *options: str) -> int:
    return main(["evaluate", "sct", "--truth", str(folders / "truth"), "--result", str(folders / "result"), *options])


def test_sct_prints_a_table(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(folders) == 0
    table = capsys.readouterr().out
    assert "|  | HOTA | DetA | AssA | IDF1 |" in table
    assert [line.split(" | ")[0] for line in table.splitlines()[6:9]] == ["| all cameras", "| camera c1", "| camera c2"]
    assert "Without a result, counted as empty: c2." in table


def test_sct_prints_one_json_object(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(folders, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["fn"], report["fp"], report["idsw"], report["true_boxes"]) == (11, 0, 1, 21)
    assert report["cameras"]["c1"]["idf1"] == pytest.approx(2 * 5 / 30)
    assert report["cameras"]["c1"]["mota"] == pytest.approx(0.45)
    assert report["without_result"] == ["c2"]


def test_sct_leaves_out_low_boxes(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(folders, "--json", "--least-height", "20") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cameras"]["c1"]["det_a"] == 1.0


@pytest.mark.parametrize("height", ["-1", "nan", "tall"])
def test_sct_refuses_a_height_that_is_none(folders: Path, height: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        evaluate(folders, f"--least-height={height}")
    assert caught.value.code == 2
    assert f"expected a number of pixels, 0 or more, found {height}" in capsys.readouterr().err


def test_sct_refuses_results_without_truth_and_rows_that_are_none(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "result" / "c9.txt").write_text("")
    assert evaluate(folders) == 2
    assert "results without a truth: c9; the truth has c1, c2" in capsys.readouterr().err
    (folders / "result" / "c9.txt").write_text("one,two\n")
    assert evaluate(folders) == 2
    error = capsys.readouterr().err
    assert "c9.txt:1: expected numbers" in error
    assert error.count("\n") == 1


def test_sct_writes_a_report_with_plots(folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(folders, "--report", str(tmp_path / "sct.html")) == 0
    assert (tmp_path / "sct.html").read_text().count("<svg ") == 2
    assert "report: " in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["sct", "mtmc"])
def test_what_is_not_there_is_bad_input(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", kind, "--truth", str(tmp_path / "none"), "--result", str(tmp_path)]) == 2
    assert "none: no such f" in capsys.readouterr().err
