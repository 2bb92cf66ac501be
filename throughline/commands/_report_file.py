"""Writes a report for people to a file: Markdown with its pictures beside it, or one HTML file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from throughline.commands._exit import FAILED, CommandError
from throughline.commands._output import say

if TYPE_CHECKING:
    from evaluation.report import Report

__all__ = ["report_path", "write_report"]


def report_path(text: str) -> Path:
    """An argument that names a report.

    Raises:
        argparse.ArgumentTypeError: its ending says neither Markdown nor HTML.
    """
    path = Path(text)
    if path.suffix.lower() not in (".md", ".html"):
        raise argparse.ArgumentTypeError(f"expected a file ending in .md or .html, found {text}")
    return path


def write_report(report: Report, path: Path, say: Callable[[str], None] = say) -> None:
    """Writes the report; pictures of a Markdown report go to a folder with its name beside it.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".html":
            path.write_text(report.to_html(), encoding="utf-8")
        else:
            folder = path.with_name(f"{path.stem}-pictures")
            files = report.files()
            if files:
                folder.mkdir(exist_ok=True)
            for name, content in files.items():
                (folder / name).write_bytes(content)
            path.write_text(report.to_markdown(lambda name: f"{folder.name}/{name}"), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write the report {path}: {error.strerror}", FAILED) from error
    say(f"report: {path}")
