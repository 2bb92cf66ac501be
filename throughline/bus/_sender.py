"""An idempotent producer that is replaced when it fails, so that no failure is for ever and order is kept across it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from throughline.bus._connection import explain
from throughline.bus.records import BusError, Headers, RecordRefusedError

__all__ = ["Sender"]


class Sender:
    """Sends records in the order of the calls; a call returns when its record is acknowledged.

    aiokafka's idempotent producer tries for ever, and is lost once a batch was refused for good: the numbering of what
    follows has a gap. So when a record fails or its time is up, the producer is thrown away with all that it had not
    delivered, and those calls fail too. The next call starts a new one. What was sent before a failure thus never
    arrives after what is sent later, but for a request that the broker already holds.

    Args:
        make: Makes a producer; nothing is connected before the first record.
        timeout: Seconds that a call may take.
        where: What to call the servers in errors.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer], timeout: float, where: str) -> None:
        self._make, self._timeout, self._where = make, timeout, where
        self._producer: AIOKafkaProducer | None = None
        self._generation = 0
        self._limits: set[asyncio.Timeout] = set()  # of the calls under way, all of this generation
        self._starting = asyncio.Lock()
        self._order: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # locks are fair: first come, first served
        self._discarded: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def send(self, topic: str, key: bytes, value: bytes | None, headers: Headers) -> None:
        """Sends one record and waits for its acknowledgement.

        Raises:
            RecordRefusedError: it is too large.
            BusError: it was not acknowledged in time, or one before it was not.
        """
        generation = self._generation
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                self._limits.add(limit)
                try:
                    async with self._order[topic]:
                        acknowledged = await self._enqueue(generation, topic, key, value, list(headers.items()))
                    await acknowledged
                finally:
                    self._limits.discard(limit)
        except TimeoutError as error:
            if generation != self._generation:
                raise self._after_another(topic) from error
            self._discard(generation)
            raise BusError(
                f"Kafka at {self._where} did not acknowledge a record for {topic} within {self._timeout:g} s: is it running?"
            ) from error
        except MessageSizeTooLargeError as error:
            self._discard(generation)
            raise RecordRefusedError(
                f"Kafka at {self._where} does not take a record of {len(value or b'')} bytes for {topic}: raise the topic's "
                "max.message.bytes"
            ) from error
        except KafkaError as error:
            self._discard(generation)
            raise BusError(f"Kafka at {self._where} did not take a record for {topic}: {explain(error)}") from error

    def _after_another(self, topic: str) -> BusError:
        return BusError(f"a record for {topic} was not sent to Kafka at {self._where}, since one before it failed")

    async def _enqueue(
        self, generation: int, topic: str, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[object]:
        while True:
            if generation != self._generation:
                raise self._after_another(topic)
            producer = await self._started()
            try:
                acknowledged: asyncio.Future[object] = await producer.send(topic, value, key, headers=headers)
            except KafkaTimeoutError:
                continue  # its buffer is still full: the caller's own time decides
            except MessageSizeTooLargeError as error:
                raise RecordRefusedError(f"a record of {len(value or b'')} bytes for {topic} is too large: {error}") from error
            return acknowledged

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is not None:
            return self._producer
        async with self._starting:
            if self._stopped:
                raise BusError(f"the connection to Kafka at {self._where} has been closed")
            if self._producer is None:
                producer = self._make()
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
        return self._producer

    def _discard(self, generation: int) -> None:
        if generation != self._generation:
            return
        self._generation += 1
        limits, self._limits = self._limits, set()
        for limit in limits:
            if not limit.expired():
                limit.reschedule(0.0)  # long past: their time is up too
        producer, self._producer = self._producer, None
        if producer is not None:
            task = asyncio.create_task(_throw_away(producer))
            self._discarded.add(task)
            task.add_done_callback(self._discarded.discard)

    async def stop(self) -> None:
        """Waits for what is under way, as long as a call may take, and closes."""
        self._stopped = True
        producer = self._producer
        if producer is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await producer.flush()
        self._discard(self._generation)
        async with self._starting:  # a producer that was about to start is closed by whoever started it
            pass
        if self._discarded:
            await asyncio.wait(set(self._discarded))


async def _throw_away(producer: AIOKafkaProducer) -> None:
    """Closes a producer although it may have records that it cannot deliver; its own ``stop`` would wait for them for ever."""
    with contextlib.suppress(KafkaError):
        await producer._sender.close()  # noqa: SLF001 - no public way to give up
    producer._closed = True  # noqa: SLF001 - as above
    await producer.client.close()
