"""The `throughline` command.

Exit codes: 0 done, 1 failed, 2 wrong use or bad input, with one clear line on stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from throughline import __version__
from throughline.bus.protocol import BusError
from throughline.commands import (
    associate,
    check,
    demo,
    evaluate,
    events,
    importing,
    models,
    replay,
    run,
    search,
    simulate,
    track,
    train,
)
from throughline.commands._exit import BAD_INPUT, FAILED, INTERRUPTED, CommandError
from throughline.settings import SiteFileError

__all__ = ["build_parser", "main"]

_COMMANDS = (demo, run, check, events, search, track, associate, replay, evaluate, importing, models, train, simulate)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="throughline", description="Follows vehicles across cameras, live.")
    parser.add_argument("--version", action="version", version=f"throughline {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and gives its exit code.

    Args:
        arguments: Without the program's name; default: those of this process.
    """
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except SiteFileError as error:
        return _fail(str(error), BAD_INPUT)
    except CommandError as error:
        return _fail(str(error), error.code)
    except BusError as error:
        return _fail(str(error), FAILED)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _fail(text: str, code: int) -> int:
    print(f"throughline: {text}", file=sys.stderr)
    return code
