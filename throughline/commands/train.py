"""`throughline train`: fits a network by a recipe."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from throughline.commands import _train_cut, _train_recrop
from throughline.commands._exit import BAD_INPUT, FAILED, INTERRUPTED, CommandError
from throughline.commands._output import print_json, say

__all__ = ["add_parser"]

_KINDS = {
    "detector": "vehicle detector: where vehicles are",
    "reid": "embedder: which vehicles are the same",
    "type": "type of a vehicle, beside its identity or alone",
    "colour": "colour, and roof, window and logo where they are labelled",
    "orientation": "from which of eight sides a vehicle is seen",
    "keypoints": "where the twenty key points of a vehicle are",
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("train", help="fit a network by a recipe; goes on where it was stopped or killed")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, text in _KINDS.items():
        one = kinds.add_parser(kind, help=text)
        one.add_argument("recipe", help="YAML file, or name of a recipe that ships (docs/reference/recipes.md)")
        one.add_argument("--data", type=Path, metavar="DIR", help="what ${DATA} means in the recipe (default: the variable)")
        one.add_argument(
            "--out", type=Path, metavar="DIR", help="where the files go; what was begun there goes on (default: runs/RECIPE)"
        )
        one.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help="a field of the recipe, such as fitting.device=cuda; more than once for more",
        )
        one.add_argument("--anew", action="store_true", help="remove what an earlier training left there, and begin again")
        one.add_argument("--json", action="store_true", help="print one JSON object at the end")
        one.set_defaults(run=_train)
    _train_recrop.add_parser(kinds)
    _train_cut.add_parser(kinds)


def _train(options: argparse.Namespace) -> int:
    try:
        from training.errors import TrainingError
        from training.run import train
    except ModuleNotFoundError as error:
        raise CommandError(f"training needs {error.name}: install throughline[train]", FAILED) from error
    from inference.errors import ModelError

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    folder = options.out or Path("runs") / Path(options.recipe).stem
    try:
        with _asked_to_stop() as stop:
            trained = train(
                options.kind,
                options.recipe,
                folder,
                data=options.data,
                overrides=options.set,
                anew=options.anew,
                stop=stop,
                progress=not options.json,
            )
    except TrainingError as error:
        raise CommandError(str(error), BAD_INPUT if isinstance(error, ValueError) else FAILED) from error
    except ModelError as error:
        raise CommandError(str(error), FAILED) from error
    fitted = trained.fitted
    if options.json:
        print_json(
            {
                "step": fitted.step,
                "complete": fitted.complete,
                "figures": fitted.figures,
                "best_step": fitted.best_step,
                "best_figures": fitted.best_figures,
                "network": trained.network,
            }
        )
    if not fitted.complete:
        say(f"stopped after step {fitted.step}; the same command goes on from there")
        return INTERRUPTED
    figures = fitted.best_figures or fitted.figures
    say(f"{trained.network}: " + (", ".join(f"{name} {value:.4f}" for name, value in figures.items()) or "not validated"))
    return 0


class _Stop:
    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    def ask(self, _signal: int, _frame: FrameType | None) -> None:
        """The first signal lets the step end and be saved; the second is obeyed at once."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _asked_to_stop() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
