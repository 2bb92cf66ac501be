"""Where inference runs: a bounded pool of one-thread workers, first come, first served across all cameras.

A request for a network has three steps, so that requests of several cameras can share one pass where that pays: *prepare*
(pictures to one array), *infer* (the engine's) and *finish* (outputs to a result). Callers hand in single pictures or the
crops of one frame and never know about batches. On a CPU a batch of several frames is no faster than the frames one by
one, and only adds delay: `InferenceWorkers` runs each request on its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, runtime_checkable

from inference.engines.protocol import Engine
from inference.errors import InferenceError
from inference.pictures.choice import operations_for
from inference.pictures.protocol import AnyBatch
from inference.threads import available_cores
from throughline.telemetry.metrics import Metrics

__all__ = ["Batcher", "InferenceWorkers", "JointFinish"]

Result = TypeVar("Result")
ResultGiven = TypeVar("ResultGiven", covariant=True)


@runtime_checkable
class JointFinish(Protocol[ResultGiven]):
    """A *finish* that can serve several requests of one pass at once: a GPU is asked one large question, not many small ones."""

    def __call__(self, outputs: tuple[AnyBatch, ...]) -> ResultGiven:
        """Turns the outputs for one request into its result."""
        ...

    def together(self, outputs: tuple[AnyBatch, ...], finishes: Sequence[Any]) -> Sequence[ResultGiven]:
        """Turns the outputs of a whole pass into results.

        Args:
            outputs: For all pictures of the pass, in the order of the requests.
            finishes: That of each request, all of this type and for this network.

        Returns:
            One for each of ``finishes``.
        """
        ...


class Batcher(Protocol):
    """Runs requests off the event loop. A request that fails raises to its own caller, and to nobody else."""

    async def submit(
        self,
        engine: Engine,
        prepare: Callable[[], AnyBatch],
        finish: Callable[[tuple[AnyBatch, ...]], Result],
        *,
        camera: str = "",
        size: int = 1,
    ) -> Result:
        """Runs one request through an engine.

        Args:
            engine: The network.
            prepare: Makes the input, (N, C, H, W) float32, by the operations that fit the engine
                (`inference.pictures.choice.operations_for`); runs in a worker.
            finish: Turns the outputs for these N into the result; runs in a worker. It may be a `JointFinish`.
            camera: Whose pictures these are: where requests wait, cameras take turns.
            size: N, for whoever plans passes.

        Raises:
            InferenceError: the engine failed, or the workers have been closed.
        """
        ...

    async def run(self, model: str, work: Callable[[], Result], size: int = 1) -> Result:
        """Runs work that needs no engine, such as a classical detector, in a worker.

        Args:
            model: Name for metrics.
            work: What to do.
            size: Pictures in it, for metrics.

        Raises:
            InferenceError: the workers have been closed.
        """
        ...

    def close(self) -> None:
        """Waits for what runs, refuses what waits; safe to call twice."""
        ...


class InferenceWorkers:
    """`Batcher` for CPUs: each request is one call of the engine, in one of a fixed number of threads.

    Requests start in the order in which they came. A caller that is cancelled while its request waits takes it back.

    Args:
        threads: Workers; 0: one for each core this process may use, at most four.
        metrics: Where waiting, batch sizes, durations and failures are counted, by model.
    """

    def __init__(self, threads: int, metrics: Metrics) -> None:
        self.threads = threads if threads > 0 else min(available_cores(), 4)
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="inference")
        self._closed = False

    async def submit(
        self,
        engine: Engine,
        prepare: Callable[[], AnyBatch],
        finish: Callable[[tuple[AnyBatch, ...]], Result],
        *,
        camera: str = "",  # noqa: ARG002 - first come, first served
        size: int = 1,  # noqa: ARG002 - one request is one pass
    ) -> Result:
        """Runs one request through an engine; see `Batcher.submit`."""
        operations = operations_for(engine)

        def work() -> Result:
            with operations.session():
                batch = prepare()
                with self._metrics.inference_seconds.labels(engine.name).time():
                    outputs = operations.infer(engine, batch)
                self._metrics.inference_batch.labels(engine.name).observe(len(batch))
                return finish(outputs)

        return await self._dispatch(engine.name, work)

    async def run(self, model: str, work: Callable[[], Result], size: int = 1) -> Result:
        """Runs work that needs no engine; see `Batcher.run`."""

        def timed() -> Result:
            with self._metrics.inference_seconds.labels(model).time():
                result = work()
            self._metrics.inference_batch.labels(model).observe(size)
            return result

        return await self._dispatch(model, timed)

    def close(self) -> None:
        """Waits for what runs; requests that still wait fail with `InferenceError`."""
        self._closed = True
        self._pool.shutdown(wait=True)

    async def _dispatch(self, model: str, work: Callable[[], Result]) -> Result:
        submitted = time.monotonic()

        def guarded() -> Result:
            # Refused here, not cancelled by the pool: the caller would take that for its own cancellation.
            if self._closed:
                raise _closed(model)
            self._metrics.inference_queue.labels(model).observe(time.monotonic() - submitted)
            try:
                return work()
            except Exception:
                self._metrics.inference_failures.labels(model).inc()
                raise

        if self._closed:
            raise _closed(model)
        return await asyncio.get_running_loop().run_in_executor(self._pool, guarded)


def _closed(model: str) -> InferenceError:
    return InferenceError(f"{model}: inference has been shut down")
