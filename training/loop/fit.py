"""The training loop: one for all networks."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from training.errors import FittingError
from training.loop.averaging import AveragedNetwork
from training.loop.checkpoints import read_checkpoint, write_checkpoint
from training.loop.curves import Curves
from training.loop.devices import choose_device, computing, move
from training.loop.optimisers import build_optimiser, parameter_groups, set_rate
from training.loop.schedules import rate_factor
from training.loop.task import Task
from training.randomness import seed_torch
from training.settings import Recipe

__all__ = ["BEST", "CHECKPOINT", "LAST", "Fitted", "fit"]

CHECKPOINT, BEST, LAST = "checkpoint.pt", "best.pt", "last.pt"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """What came of a training.

    Attributes:
        step: Steps done.
        complete: False when it was asked to stop before its last step; the same call goes on from there.
        figures: Of the last validation.
        best_step: The step whose validation was best; None without a figure to choose by.
        best_figures: Of that validation.
        weights: The file of the best weights, or of the last ones where none were chosen; None before either is written.
    """

    step: int
    complete: bool
    figures: dict[str, float]
    best_step: int | None
    best_figures: dict[str, float]
    weights: Path | None


def fit(task: Task, recipe: Recipe, folder: Path, *, stop: Callable[[], bool] = lambda: False, progress: bool = False) -> Fitted:
    """Fits a task's network by a recipe, from the checkpoint in a folder where there is one.

    The folder gets ``checkpoint.pt``, ``training.csv``, ``validation.csv``, and files of weights: ``best.pt`` when
    ``fitting.choose_by`` names a figure, ``last.pt`` at the end. Those hold ``state`` (of the network, or of its average),
    ``description`` (the task's), ``step`` and ``figures``.

    Args:
        task: What is fitted.
        recipe: How; its checkpoint is refused when another recipe began it.
        folder: Where the files are; made where it is missing.
        stop: Asked after each step; once it says so, a checkpoint is written and the training returns.
        progress: Whether to show a progress bar, on a terminal.

    Raises:
        FittingError: the loss is not a number, the checkpoint is damaged or of another recipe, there is no such device.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with computing(recipe.fitting):
        run = _Run(task, recipe, folder)
        run.resume()
        return run.go(stop, progress=progress)


@dataclass
class _State:
    """What changes from step to step, besides tensors: it is part of the checkpoint."""

    step: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    best_step: int | None = None
    best_figures: dict[str, float] = field(default_factory=dict)


class _Run:
    def __init__(self, task: Task, recipe: Recipe, folder: Path) -> None:
        settings = recipe.fitting
        self.task, self.recipe, self.settings, self.folder = task, recipe, settings, folder
        self.device = choose_device(settings.device)
        if settings.precision == "float16" and self.device.type == "cpu":
            raise FittingError("fitting.precision: float16 needs a GPU; use bfloat16 or float32 on the CPU")
        self.network = task.network.to(self.device)
        groups = parameter_groups(self.network, task.backbone_parameters(), settings.optimiser)
        self.optimiser = build_optimiser(groups, settings.optimiser)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "float16")
        averaging = settings.averaging
        self.average = AveragedNetwork(self.network, averaging.decay) if averaging.enabled else None
        self.state = _State()
        self.sums: dict[str, Tensor] = {}
        self.summed = 0

    def resume(self) -> None:
        """Takes up the checkpoint, if there is one."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        saved = read_checkpoint(path)
        changed = self.recipe.differences(saved.get("recipe", {}))
        if changed:
            raise FittingError(
                f"{path} was begun with another recipe ({'; '.join(changed[:3])}{'; ...' if len(changed) > 3 else ''}): "
                "give another folder, or begin anew"
            )
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.scaler.load_state_dict(saved["scaler"])
        if self.average is not None:
            self.average.network.load_state_dict(saved["average"])
        self.task.load_state_dict(saved["task"])
        self.state = _State(**saved["state"])
        self.sums = {name: value.to(self.device) for name, value in saved["sums"].items()}
        self.summed = saved["summed"]
        _log.info("goes on from step %d", self.state.step)

    def go(self, stop: Callable[[], bool], *, progress: bool) -> Fitted:
        """Trains from the current step to the last."""
        settings, state = self.settings, self.state
        self.curves = Curves(self.folder, state.step, settings.tensorboard)
        bar = tqdm(total=settings.steps, initial=state.step, unit="step", disable=None if progress else True, dynamic_ncols=True)
        try:
            with nullcontext() if bar.disable else logging_redirect_tqdm():  # what is logged stands above the bar
                self._train(stop, bar)
        finally:
            bar.close()
            self.curves.close()
        complete = state.step == settings.steps
        if complete:
            self._write_weights(LAST)
        candidates = [self.folder / name for name in ((BEST, LAST) if settings.choose_by else (LAST,))]
        weights = next((path for path in candidates if path.exists()), None)
        return Fitted(state.step, complete, state.figures, state.best_step, state.best_figures, weights)

    def _train(self, stop: Callable[[], bool], bar: tqdm[NoReturn]) -> None:
        settings, state = self.settings, self.state
        self.network.train()
        for batch in self._batches():
            self._step(batch)
            bar.update()
            last = state.step == settings.steps
            if last or state.step % settings.log_every == 0:
                bar.set_postfix(self._log_means())
            if last or (state.step % settings.validate_every == 0 and state.step >= settings.validate_from):
                self._validate()
            stopping = not last and stop()
            if last or stopping or state.step % settings.checkpoint_every == 0:
                self._checkpoint()
            if stopping:
                return

    def _batches(self) -> Iterator[Any]:
        while self.state.step < self.settings.steps:
            before = self.state.step
            for batch in self.task.training_batches(before):
                yield move(batch, self.device)
                if self.state.step == self.settings.steps:
                    return
            if self.state.step == before:
                raise FittingError(f"there are no batches from step {before} on")

    def _step(self, batch: Any) -> None:
        settings, step = self.settings, self.state.step
        seed_torch(settings.seed, "step", step)
        set_rate(self.optimiser, settings.optimiser.rate * rate_factor(settings.schedule, step, settings.steps))
        with torch.autocast(self.device.type, _DTYPES[settings.precision], enabled=settings.precision != "float32"):
            terms = self.task.loss(batch)
        total = torch.stack([term.float() for term in terms.values()]).sum()
        self.optimiser.zero_grad()
        self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]  # torch's own backward has no types
        if settings.optimiser.clip_norm is not None:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.optimiser.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.state.step = step + 1
        if self.average is not None:
            self.average.update(self.network, self.state.step)
        for name, value in {"loss": total, **terms}.items():
            self.sums[name] = self.sums.get(name, torch.zeros((), device=self.device)) + value.detach().float()
        self.summed += 1

    def _log_means(self) -> dict[str, float]:
        self._refuse_astray()
        means = {name: value.item() / self.summed for name, value in self.sums.items()}
        rate = max((group["lr"] for group in self.optimiser.param_groups), default=0.0)
        self.curves.add("training", self.state.step, {"rate": rate, **means})
        self.sums, self.summed = {}, 0
        return means

    def _refuse_astray(self) -> None:
        bad = [name for name, value in self.sums.items() if name != "loss" and not math.isfinite(value.item())]
        if bad:
            raise FittingError(
                f"by step {self.state.step} the loss `{', '.join(bad)}` is not a number any more: lower fitting.optimiser.rate, "
                "lengthen the warm-up or set clip_norm; the last checkpoint is from before"
            )

    @property
    def _kept(self) -> nn.Module:
        return self.network if self.average is None else self.average.network

    def _validate(self) -> None:
        kept = self._kept
        kept.eval()
        with torch.no_grad():
            figures = {name: float(value) for name, value in self.task.validate(kept).items()}
        self.network.train()
        state = self.state
        state.figures = figures
        if not figures:
            return
        self.curves.add("validation", state.step, figures)
        _log.info("step %d: %s", state.step, ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
        chosen = self.settings.choose_by
        if chosen is None:
            return
        if chosen not in figures:
            raise FittingError(f"fitting.choose_by: the validation has no figure `{chosen}`, only {', '.join(figures)}")
        if state.best_step is None or not figures[chosen] <= state.best_figures[chosen]:  # any figure beats NaN
            state.best_step, state.best_figures = state.step, figures
            self._write_weights(BEST)

    def _write_weights(self, name: str) -> None:
        content: Mapping[str, Any] = {
            "state": {key: value.cpu() for key, value in self._kept.state_dict().items()},
            "description": dict(self.task.description()),
            "step": self.state.step,
            "figures": self.state.figures,
        }
        write_checkpoint(self.folder / name, content)

    def _checkpoint(self) -> None:
        self._refuse_astray()
        content = {
            "recipe": self.recipe.what_counts(),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.network.state_dict(),
            "task": dict(self.task.state_dict()),
            "state": vars(self.state),
            "sums": self.sums,
            "summed": self.summed,
        }
        write_checkpoint(self.folder / CHECKPOINT, content)
