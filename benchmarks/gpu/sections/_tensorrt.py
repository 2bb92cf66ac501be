"""Builds networks with TensorRT and opens them on the GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.sections._networks import NETWORKS, Network, network_file, plan_folder
from benchmarks.gpu.sections._verdicts import Precision
from benchmarks.gpu.sections.engines import TABLE, Opened
from inference.engines.gpu import find_gpu
from inference.errors import ModelError
from inference.tensorrt.compiling import CompiledPlan, compile_plan
from inference.tensorrt.flavours import TensorRT
from inference.tensorrt.graphs import int8_graph
from inference.tensorrt.opening import Place, open_on, provide_memory
from inference.tensorrt.plans import PlanCache
from throughline.settings.models import EngineSettings

__all__ = ["NO_GRAPH", "Builder"]

NO_GRAPH = "no 8-bit file was made before"


class Builder:
    """One TensorRT for the networks of a job.

    Args:
        job: What is measured.
        tensorrt: Which one.
        memory: Who provides memory and streams.
    """

    def __init__(self, job: Job, tensorrt: TensorRT, memory: Literal["torch", "pycuda"]) -> None:
        self._job = job
        self._tensorrt = tensorrt
        self._memory = memory
        self._cache = PlanCache(plan_folder(job))

    def precisions(self) -> tuple[Precision, ...]:
        """Those that are tried: with pycuda's memory one is enough, for the plans are the same."""
        return ("float16",) if self._memory == "pycuda" else ("float32", "float16", "int8")

    def has_graph(self, network: Network, precision: Precision) -> bool:
        """Whether there is something to build: an 8-bit file is made by an earlier section."""
        return precision != "int8" or int8_graph(network_file(self._job, network), self._cache.folder).is_file()

    def opener(self, precision: Precision) -> Callable[[Network], Opened]:
        """Builds and opens a network on the GPU."""

        def open_one(network: Network) -> Opened:
            if not self.has_graph(network, precision):
                raise ModelError(NO_GRAPH)
            settings, path = self._settings(precision), network_file(self._job, network)
            place = Place(self._tensorrt, find_gpu(settings.gpu), provide_memory(settings), self._cache)
            with place.memory.current():
                place.memory.stream().synchronise()  # TensorRT takes the context that is there
                compiled = compile_plan(path, settings, place.tensorrt, place.gpu, place.cache)
            began = time.perf_counter()
            engine = open_on(place, path, settings, name=path.stem)
            return Opened(engine, {**_sizes(compiled), "opened in s": time.perf_counter() - began})

        return open_one

    def only_built(self, name: str, precision: Precision, folder: Path, reason: str) -> Iterator[Line]:
        """Lines of what can be built where nothing can run."""
        for network in NETWORKS:
            labels = {"engine": name, "precision": precision, "network": network}
            if not self.has_graph(network, precision):
                yield Line(TABLE, labels, "not run", note=NO_GRAPH)
                continue
            try:
                compiled = compile_plan(
                    network_file(self._job, network),
                    self._settings(precision),
                    self._tensorrt,
                    None,
                    PlanCache(folder),
                    again=True,
                )
                yield Line(TABLE, labels, "not run", _sizes(compiled), f"built; {reason}")
            except ModelError as error:
                yield Line(TABLE, labels, "failed" if self._tensorrt.is_rtx else "not run", note=f"{error}; {reason}")

    def _settings(self, precision: Precision) -> EngineSettings:
        return EngineSettings(
            kind="tensorrt",
            precision=precision,
            gpu=self._job.gpu or 0,
            max_batch=self._job.max_batch,
            memory=self._memory,
        )


def _sizes(compiled: CompiledPlan) -> dict[str, float | str]:
    return {"built in s": compiled.seconds, "plan MB": len(compiled.plan.content) / 1e6}
