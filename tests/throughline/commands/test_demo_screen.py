"""The terminal shows what happens now: matches scroll above a line that stays; a file gets plain lines."""

from __future__ import annotations

import io
import re

import pytest

from throughline.commands._demo_screen import Screen


def shown(text: str) -> list[str]:
    """Lines as a terminal shows them: what follows the last return of each line, without codes."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [line.rpartition("\x1b[K")[2].lstrip("\r") for line in plain.split("\n")]


def test_a_terminal_keeps_the_line_of_figures_below_what_scrolls() -> None:
    stream = io.StringIO()
    screen = Screen(stream, live=True)
    screen.status("3 cameras")
    screen.say("a match")
    screen.status("4 cameras")
    assert shown(stream.getvalue()) == ["a match", "4 cameras"]
    screen.status("")
    assert shown(stream.getvalue()) == ["a match", ""]


def test_rows_and_figures_are_cut_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = io.StringIO()
    screen = Screen(stream, live=True)
    screen.row("x" * 50)
    screen.row("short")
    screen.status("y" * 50)
    lines = shown(stream.getvalue())
    assert lines[0] == "x" * 19 + "…"
    assert lines[1] == "short"
    assert lines[2] == "y" * 19


def test_a_file_gets_no_codes_and_figures_only_now_and_then() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.heading("Watching")
    for second in range(40):
        screen.status(f"at {second} s", now=100.0 + second)
    screen.row("z" * 500)
    screen.status("")
    assert stream.getvalue() == "\nWatching\nat 0 s\nat 15 s\nat 30 s\n" + "z" * 500 + "\n"
