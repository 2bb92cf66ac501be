"""Generates ``docs/reference/commands.md`` from the command line: ``python -m throughline.commands._reference``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from throughline.commands.main import build_parser

__all__ = ["generate"]


def generate() -> str:
    """The page: every command's help."""
    parser = build_parser()
    lines = [
        "# Commands",
        "",
        "Exit codes: 0 done, 1 failed, 2 wrong use or bad input, with one clear line on stderr. Generated from the code.",
        "",
    ]
    lines += ["```", _help(parser), "```", ""]
    for name, command in _subcommands(parser):
        lines += [f"## throughline {name}", "", "```", _help(command), "```", ""]
    return "\n".join(lines)


def _subcommands(parser: argparse.ArgumentParser, path: str = "") -> list[tuple[str, argparse.ArgumentParser]]:
    found = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list its commands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for name, command in action.choices.items():
                inner = _subcommands(command, f"{path}{name} ")
                found += inner or [(path + name, command)]
    return found


def _help(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = partial(argparse.HelpFormatter, width=100)  # the reader's terminal is not ours
    return parser.format_help().strip()


if __name__ == "__main__":
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"
    page.write_text(generate(), encoding="utf-8")
