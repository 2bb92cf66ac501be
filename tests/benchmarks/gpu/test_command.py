from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu.lines import Line
from benchmarks.gpu.report import as_json, as_markdown, with_ratios
from benchmarks.gpu.schedule import Section

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _no_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUT", raising=False)


def sections(monkeypatch: pytest.MonkeyPatch, *functions: str) -> None:
    made = tuple(Section(name, f"tests.support.gpu_sections:{name}", "machine", 1.0, 0.0) for name in functions)
    monkeypatch.setattr(command, "SECTIONS", made)


def test_its_own_process_needs_no_package() -> None:
    code = (
        "import sys; sys.path.insert(0, '.'); import benchmarks.gpu.__main__, benchmarks.gpu.wheels; print(sorted(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "'numpy'" not in result.stdout
    assert "inference'" not in result.stdout


def test_wrong_results_end_in_one_and_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sections(monkeypatch, "good", "wrong")
    assert command.main(["--device", "cpu", "--json", str(tmp_path / "all.json")]) == 1
    out, err = capsys.readouterr()
    assert "| part | **wrong** |" in out
    assert "WRONG: part: it adds up to five" in err
    found = json.loads((tmp_path / "all.json").read_text())
    assert found["wrong"] == 1
    assert [line["state"] for line in found["lines"]] == ["ok", "wrong"]


def test_what_is_missing_or_broken_is_no_failure_of_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sections(monkeypatch, "miss", "fail")
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    assert command.main(["--device", "cpu"]) == 0
    assert "| miss | missing |" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "gpu.json").read_text())["wrong"] == 0
    assert (tmp_path / "out" / "gpu.md").read_text().startswith("# GPU")


@pytest.mark.parametrize("argument", ["--wheels", "--clip", "--detector"])
def test_paths_that_are_not_there_are_told_before_anything_runs(argument: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nowhere"):
        command.main([argument, str(tmp_path / "nowhere")])


def speed(engine: str, precision: str, **figures: float) -> Line:
    batches = {name.replace("_", " "): figure for name, figure in figures.items()}
    return Line("speed", {"network": "detector", "precision": precision, "engine": engine}, figures=batches)


def test_speeds_are_told_as_ratios_to_torch() -> None:
    lines = [
        speed("torch", "float16", batch_1=100.0, batch_4=200.0),
        speed("torch, CUDA graphs", "float16", batch_1=400.0, batch_4=400.0),
        speed("TensorRT 11", "float16", batch_1=800.0, batch_4=1000.0),
        speed("TensorRT 11", "int8", batch_1=1000.0),
        speed("TensorRT 11", "float32", batch_1=50.0),
    ]
    plain, graphs, half, eight, full = (dict(line.figures) for line in with_ratios(lines))
    assert "times torch, by batch" not in plain
    assert graphs["times torch, by batch"] == "4.00 / 2.00"
    assert half["times torch, CUDA graphs, by batch"] == "2.00 / 2.50"
    assert eight["times torch, by batch"] == "10.00"
    assert "times torch, by batch" not in full  # torch in 32 bits was not measured


def test_tables_hold_what_lines_say() -> None:
    lines = [
        Line("machine", {"what": "pipe | line"}, "missing", note="two\nlines"),
        Line("engines", {"engine": "torch", "precision": "float32", "network": "detector"}, figures={"built in s": 0.00012}),
        Line("engines", {"what": "pycuda engines"}, "failed"),
    ]
    text = as_markdown(lines)
    assert "| pipe \\| line | missing | two lines |" in text
    assert "| torch | float32 | detector | ok | 1.2e-04 |" in text
    assert "| pycuda engines |  |  | failed |  |" in text
    assert json.loads(as_json(lines, 1.26))["seconds"] == 1.3
