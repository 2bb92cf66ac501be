"""Publishing without waiting: many records under way at once, in order, through failures of the broker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import structlog

from throughline.bus.protocol import Bus, BusError, RecordRefusedError
from throughline.bus.publisher import Addressed, Message, address
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["Pipeline"]

_PAUSE_SECONDS = 0.5

log = structlog.get_logger(__name__)


class Pipeline:
    """Takes messages at once and delivers them in the order in which they came.

    What Kafka did not acknowledge is sent again, in order, until it does; a message may arrive twice, never out of its
    turn. While Kafka is away messages wait in memory, up to ``capacity``; then the oldest ones that are not under way are
    dropped, counted in ``publish_failures`` as ``dropped``, since later records tell more about the present.

    Use it as an asynchronous context manager; on leaving, what is pending gets ``drain_timeout`` seconds.

    Args:
        bus: Where to.
        settings: For the topics' names.
        metrics: Counts what is dropped.
        capacity: Messages that may wait, those under way included.
        window: Messages under way at once.
        drain_timeout: Seconds to deliver what is pending at the end; default: `KafkaSettings.request_timeout`.
    """

    def __init__(
        self,
        bus: Bus,
        settings: KafkaSettings,
        metrics: Metrics,
        *,
        capacity: int = 10_000,
        window: int = 256,
        drain_timeout: float | None = None,
    ) -> None:
        if not 0 < window < capacity:
            raise ValueError(f"a window of {window} does not fit a capacity of {capacity}")
        self._bus, self._settings, self._metrics = bus, settings, metrics
        self._capacity, self._window = capacity, window
        self._drain_timeout = settings.request_timeout if drain_timeout is None else drain_timeout
        self._waiting: deque[_Entry] = deque()
        self._under_way: deque[_Entry] = deque()
        self._changed, self._freed = asyncio.Event(), asyncio.Event()
        self._failed = False  # since the last time that nothing was under way
        self._dropping = False
        self._runner: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Messages not acknowledged yet."""
        return len(self._waiting) + len(self._under_way)

    def send(self, message: Message, traceparent: str | None = None) -> asyncio.Future[bool]:
        """Takes ``message``; never waits.

        Returns:
            Becomes True when Kafka has acknowledged it, False when it was dropped; never an exception.

        Raises:
            BusError: the pipeline has not been entered, or has been left.
        """
        if self._runner is None:
            raise BusError("the pipeline is not running: use it as an asynchronous context manager")
        if len(self) >= self._capacity:
            self._drop(self._waiting.popleft(), "there is no room left")
        entry = _Entry(address(message, self._settings, traceparent))
        self._waiting.append(entry)
        self._changed.set()
        return asyncio.shield(entry.outcome)

    async def room(self) -> None:
        """Returns when a message can be sent without another being dropped: for sources that can wait."""
        while len(self) >= self._capacity:
            self._freed.clear()
            await self._freed.wait()

    async def flush(self) -> None:
        """Returns when everything sent before is acknowledged or dropped."""
        pending = [entry.outcome for entry in (*self._under_way, *self._waiting)]
        if pending:
            await asyncio.wait(pending)

    async def __aenter__(self) -> Self:
        self._runner = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        runner, self._runner = self._runner, None
        try:
            async with asyncio.timeout(self._drain_timeout):
                await self.flush()
        except TimeoutError:
            log.warning("not every message could be delivered at the end", dropped=len(self))
        finally:
            await _cancelled([runner, *(entry.task for entry in self._under_way)])
            for entry in (*self._under_way, *self._waiting):
                self._drop(entry, "Kafka did not take it before the end")
            self._under_way.clear()
            self._waiting.clear()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._failed:
                await self._send_again()
            while self._under_way and self._under_way[0].ended and not self._failed:
                self._delivered(self._under_way.popleft())
            while self._waiting and len(self._under_way) < self._window:
                entry = self._waiting.popleft()
                self._under_way.append(entry)
                entry.task = asyncio.create_task(self._publish_unless_failed(entry.parcel))

    async def _publish_unless_failed(self, parcel: Addressed) -> None:
        if self._failed:  # before this one was on its way: it must not overtake
            raise BusError("a record before it failed")
        try:
            await self._publish(parcel)
        except BaseException:
            self._failed = True
            raise
        finally:
            self._changed.set()

    async def _publish(self, parcel: Addressed) -> None:
        await self._bus.publish(parcel.topic, parcel.key, parcel.value, parcel.headers)

    async def _send_again(self) -> None:
        """After a failure: lets all that is under way come to its end, then sends what failed, one by one and in order."""
        await asyncio.wait([entry.task for entry in self._under_way if entry.task is not None])
        error = next(entry.error for entry in self._under_way if entry.error is not None)
        log.warning("Kafka did not take a record, sending it again", error=str(error), pending=len(self))
        while self._under_way:
            entry = self._under_way[0]
            while entry.error is not None:
                entry.task = asyncio.create_task(self._publish(entry.parcel))
                await asyncio.wait([entry.task])
                if isinstance(entry.error, RecordRefusedError) or not isinstance(entry.error, BusError | None):
                    break  # now that it was alone: it is the one that is refused
                if entry.error is not None:
                    await asyncio.sleep(_PAUSE_SECONDS)
            self._under_way.popleft()
            if entry.error is None:
                self._delivered(entry)
            else:
                self._drop(entry, str(entry.error))
        self._failed = False

    def _delivered(self, entry: _Entry) -> None:
        self._dropping = False
        entry.outcome.set_result(True)
        self._freed.set()

    def _drop(self, entry: _Entry, reason: str) -> None:
        self._metrics.publish_failures.labels(entry.parcel.topic, "dropped").inc()
        if not self._dropping:  # the metric counts; a line for each would be thousands
            log.error("records are dropped", topic=entry.parcel.topic, reason=reason)
        self._dropping = True
        entry.outcome.set_result(False)
        self._freed.set()


class _Entry:
    """A message on its way."""

    __slots__ = ("outcome", "parcel", "task")

    def __init__(self, parcel: Addressed) -> None:
        self.parcel = parcel
        self.outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the last attempt has come to its end."""
        return self.task is not None and self.task.done()

    @property
    def error(self) -> BaseException | None:
        """What the last attempt failed by."""
        return self.task.exception() if self.task is not None else None


async def _cancelled(tasks: Iterable[asyncio.Task[None] | None]) -> None:
    running = [task for task in tasks if task is not None and not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
