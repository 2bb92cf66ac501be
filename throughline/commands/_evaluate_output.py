"""What the kinds of `throughline evaluate` do alike: print, write a report, refuse what makes no sense."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import print_json
from throughline.commands._report_file import report_path, write_report

if TYPE_CHECKING:
    from evaluation.report import Report

__all__ = ["ToldReport", "add_output", "print_report"]


class ToldReport(Protocol):
    """What was found, in all forms."""

    def to_json(self) -> dict[str, object]: ...

    def to_markdown(self) -> str: ...


def add_output(parser: argparse.ArgumentParser, content: str = "tables and plots") -> None:
    """Adds ``--report`` and ``--json``."""
    parser.add_argument("--report", type=report_path, metavar="FILE", help=f"write a report with {content}: .html or .md")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def print_report(evaluate: Callable[[], tuple[ToldReport, Report]], options: argparse.Namespace) -> int:
    """Prints what ``evaluate`` finds, and writes its report; whatever files or values it refuses is bad input."""
    try:
        found, report = evaluate()
    except ValueError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    if options.report is not None:
        write_report(report, options.report)
    if options.json:
        print_json(found.to_json())
    else:
        print(found.to_markdown(), end="")
    return 0
