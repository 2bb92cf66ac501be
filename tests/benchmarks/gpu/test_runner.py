from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.gpu import runner
from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.runner import run_section, run_sections, verified_engines
from benchmarks.gpu.schedule import SECTIONS, Section, allotment


def section(function: str, name: str = "the section", least: float = 0.0, weight: float = 1.0) -> Section:
    return Section(name, f"tests.support.gpu_sections:{function}", "machine", weight, least)


def job(folder: Path, seconds: float = 60.0) -> Job:
    return Job("the section", "machine", seconds, str(folder), device="cpu")


def test_a_section_tells_its_lines(tmp_path: Path) -> None:
    (line,) = run_section(section("good"), job(tmp_path))
    assert line.state == "ok"
    assert 0 < float(line.figures["seconds"]) <= 60


def test_a_crash_keeps_what_was_told_before_and_names_its_cause(tmp_path: Path) -> None:
    told, end = run_section(section("crash"), job(tmp_path))
    assert told.labels == {"what": "before the crash"}
    assert (end.state, end.labels) == ("failed", {"what": "the section"})
    assert "SIGSEGV" in end.note
    assert "Segmentation fault" in end.note


def test_a_section_that_hangs_is_ended_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_GRACE", 6.0)
    began = time.monotonic()
    told, end = run_section(section("hang"), job(tmp_path, seconds=1.0))
    assert told.labels == {"what": "before it hangs"}
    assert end.state == "not run"
    assert "more than its share" in end.note
    assert time.monotonic() - began < 300  # the sleep that it started takes twice as long


def test_an_error_is_one_line(tmp_path: Path) -> None:
    _, end = run_section(section("fail"), job(tmp_path))
    assert (end.state, end.note) == ("failed", "RuntimeError: the part is broken")


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    (line,) = run_section(section("miss"), job(tmp_path))
    assert line.state == "missing"
    assert "a_library_that_is_not_here" in line.note


def test_one_part_that_ends_badly_does_not_end_the_rest(tmp_path: Path) -> None:
    told: list[str] = []
    lines = run_sections([section("crash", "first"), section("good", "second")], job(tmp_path), 120, told.append)
    assert [line.state for line in lines] == ["ok", "failed", "ok"]
    assert [text.split(" ")[0] for text in told] == ["first", "second"]


def test_what_the_time_does_not_allow_is_said(tmp_path: Path) -> None:
    (line,) = run_sections([section("good", least=50.0)], job(tmp_path), 10, lambda _: None)
    assert line.state == "not run"
    assert line.note.endswith("s were left for it")


def test_later_sections_learn_which_engines_are_right(tmp_path: Path) -> None:
    lines = run_sections([section("engines", "first"), section("good", "second")], job(tmp_path), 120, lambda _: None)
    assert lines[-1].figures["verified"] == "one, float16"
    assert verified_engines(lines) == ("one, float16",)


def test_time_that_is_not_used_goes_to_those_behind() -> None:
    first, second, third = (section("good", weight=weight) for weight in (1.0, 2.0, 1.0))
    assert allotment(40, first, [second, third]) == 10
    assert allotment(39, second, [third]) == 26
    assert allotment(38, third, []) == 38
    assert allotment(-1, third, []) == 0


def test_sections_have_names_of_their_own_and_can_be_found() -> None:
    import importlib

    assert len({one.name for one in SECTIONS}) == len(SECTIONS)
    for one in SECTIONS:
        module, _, function = one.function.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_a_line_survives_json_and_nothing_else_is_taken_for_one() -> None:
    line = Line("machine", {"what": "a|b"}, "missing", {"x": 1.5, "y": "z"}, "why")
    assert Line.from_json(line.to_json()) == line
    for text in ('{"table": "machine", "who": 1}', '{"table": "mach'):
        with pytest.raises(ValueError, match=r".+"):
            Line.from_json(text)


def test_a_job_survives_json(tmp_path: Path) -> None:
    given = Job("s", "machine", 3.0, str(tmp_path), device="cuda:1", verified=("a", "b"), paths_ahead=("c",))
    assert Job.from_json(given.to_json()) == given
    assert (given.gpu, job(tmp_path).gpu) == (1, None)
