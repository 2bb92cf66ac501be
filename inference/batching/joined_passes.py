"""Runs requests for engines on a GPU in passes that several cameras share."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from inference.batcher import Batcher, JointFinish
from inference.batching.planner import PassPlanner
from inference.engines.protocol import Engine
from inference.errors import InferenceError
from inference.pictures.choice import operations_for
from inference.pictures.protocol import AnyBatch, PictureOperations
from throughline.telemetry.metrics import Metrics

__all__ = ["JoinedPasses"]

Result = TypeVar("Result")

_UNBOUNDED: Final = 64
"""Pictures in a pass of an engine that takes any number."""


class JoinedPasses:
    """`Batcher` that joins requests where that pays, as on a GPU, and hands all others on.

    Each network has a row of waiting requests (`PassPlanner`); a few threads run whichever pass is due first, all three steps of
    its requests in one session of the GPU. While one thread waits for the GPU another prepares the next pass, and the more
    there is to do the fuller passes become by themselves. A pass that fails is run again request by request, so that each
    failure reaches its own caller only. Callers that are cancelled while they wait take their requests back.

    Args:
        workers: Run what is not for a GPU; closed with this one.
        metrics: Where waiting, batch sizes, durations and failures are counted, by model.
        wait: Longest time that a request waits for others to share its pass, seconds.
        threads: How many passes may be under way at once.
    """

    def __init__(self, workers: Batcher, metrics: Metrics, *, wait: float = 0.004, threads: int = 2) -> None:
        self._workers = workers
        self._metrics = metrics
        self._wait = wait
        self._count = threads
        self._lanes: dict[int, _Lane] = {}
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._closed = False

    async def submit(
        self,
        engine: Engine,
        prepare: Callable[[], AnyBatch],
        finish: Callable[[tuple[AnyBatch, ...]], Result],
        *,
        camera: str = "",
        size: int = 1,
    ) -> Result:
        """Runs one request through an engine; see `inference.batcher.Batcher.submit`."""
        lane = self._lane(engine)
        if lane is None:
            return await self._workers.submit(engine, prepare, finish, camera=camera, size=size)
        request = _Request(prepare, finish, Future(), time.monotonic())
        with self._changed:
            if self._closed:
                raise _shut_down(engine)
            if not lane.planner.add(request, camera, size, request.since):
                self._metrics.inference_failures.labels(engine.name).inc()
                raise InferenceError(f"{engine.name}: too many requests of camera {camera or '(none)'} wait already")
            self._changed.notify()
        result: Result = await asyncio.wrap_future(request.future)
        return result

    async def run(self, model: str, work: Callable[[], Result], size: int = 1) -> Result:
        """Runs work that needs no engine; see `inference.batcher.Batcher.run`."""
        return await self._workers.run(model, work, size)

    def close(self) -> None:
        """Waits for what runs; requests that still wait fail with `InferenceError`."""
        with self._changed:
            self._closed = True
            refused = [(lane, request) for lane in self._lanes.values() for request in lane.planner.clear()]
            self._changed.notify_all()
        for lane, request in refused:
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(_shut_down(lane.engine))
        for thread in self._threads:
            thread.join()
        self._workers.close()

    def _lane(self, engine: Engine) -> _Lane | None:
        """The row of a network; None: it gains nothing by joining requests."""
        lane = self._lanes.get(id(engine))  # it keeps the engine, so that its id is not used again
        if lane is not None or not engine.joins:
            return lane
        planner = PassPlanner[_Request](engine.max_batch or _UNBOUNDED, self._wait)
        with self._changed:
            lane = self._lanes.setdefault(id(engine), _Lane(engine, operations_for(engine), planner))
            self._start()
        return lane

    def _start(self) -> None:
        while len(self._threads) < self._count and not self._closed:
            thread = threading.Thread(target=self._work, name=f"passes {len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                lane = self._next()
                if lane is None:
                    return
                requests = lane.planner.take()
                self._changed.notify()  # there may be enough for another pass
            self._pass(lane, requests)

    def _next(self) -> _Lane | None:
        """Waits for the pass that is due first; None: there will be none."""
        while not self._closed:
            lanes = list(self._lanes.values())
            now = time.monotonic()
            ready = [lane for lane in lanes if lane.planner.due() <= now]
            if ready:
                return min(ready, key=lambda lane: lane.planner.oldest())
            due = min((lane.planner.due() for lane in lanes), default=math.inf)
            self._changed.wait(None if due == math.inf else due - now)
        return None

    def _pass(self, lane: _Lane, requests: list[_Request]) -> None:
        name = lane.engine.name
        live = [request for request in requests if request.future.set_running_or_notify_cancel()]
        began = time.monotonic()
        for request in live:
            self._metrics.inference_queue.labels(name).observe(began - request.since)
        try:
            with lane.operations.session():
                prepared = [(request, batch) for request in live if (batch := self._prepared(lane, request)) is not None]
                if prepared:
                    self._together(lane, prepared)
        except Exception as error:  # noqa: BLE001 - a session that breaks must leave no caller waiting
            for request in live:
                if not request.future.done():
                    self._fail(lane, request, error)

    def _prepared(self, lane: _Lane, request: _Request) -> AnyBatch | None:
        try:
            return request.prepare()
        except Exception as error:  # noqa: BLE001 - the caller's, and nobody else's
            self._fail(lane, request, error)
            return None

    def _together(self, lane: _Lane, prepared: list[tuple[_Request, AnyBatch]]) -> None:
        counts = [len(batch) for _, batch in prepared]
        try:
            with self._metrics.inference_seconds.labels(lane.engine.name).time():
                outputs = lane.operations.infer(lane.engine, lane.operations.concatenate([batch for _, batch in prepared]))
            parts = lane.operations.split(outputs, counts)
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes to those whom it concerns
            if len(prepared) == 1:
                self._fail(lane, prepared[0][0], error)
                return
            for one in prepared:
                self._together(lane, [one])
            return
        self._metrics.inference_batch.labels(lane.engine.name).observe(sum(counts))
        requests = [request for request, _ in prepared]
        if _finished_together(requests, outputs):
            return
        for request, part in zip(requests, parts, strict=True):
            try:
                request.future.set_result(request.finish(part))
            except Exception as error:  # noqa: BLE001 - the caller's, and nobody else's
                self._fail(lane, request, error)

    def _fail(self, lane: _Lane, request: _Request, error: Exception) -> None:
        self._metrics.inference_failures.labels(lane.engine.name).inc()
        request.future.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Request:
    prepare: Callable[[], AnyBatch]
    finish: Callable[[tuple[AnyBatch, ...]], Any]
    future: Future[Any]
    since: float


@dataclass(frozen=True, slots=True)
class _Lane:
    engine: Engine
    operations: PictureOperations[AnyBatch]
    planner: PassPlanner[_Request]


def _finished_together(requests: list[_Request], outputs: tuple[AnyBatch, ...]) -> bool:
    """Finishes all requests at once, if they allow that and it goes well."""
    first = requests[0].finish
    if len(requests) == 1 or not isinstance(first, JointFinish) or any(type(one.finish) is not type(first) for one in requests):
        return False
    try:
        results = first.together(outputs, [request.finish for request in requests])
    except Exception:  # noqa: BLE001 - one by one it will be seen whose it is
        return False
    for request, result in zip(requests, results, strict=True):
        request.future.set_result(result)
    return True


def _shut_down(engine: Engine) -> InferenceError:
    return InferenceError(f"{engine.name}: inference has been shut down")
