"""Transactions on Kafka, by librdkafka."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar, cast

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from throughline.bus._caller_thread import CallerThread
from throughline.bus._librdkafka import client_configuration, group_metadata
from throughline.bus.partitioning import LIBRDKAFKA_PARTITIONER
from throughline.bus.records import BusError, FencedError, Headers, Membership, Place, RecordRefusedError
from throughline.bus.topics import LARGEST_RECORD
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["KafkaTransactions"]

_ANSWER_SECONDS = 15.0
_GRACE_SECONDS = 1.0  # beyond the timeout that a call was given
# librdkafka may wait without end for a coordinator that went away (confluentinc/librdkafka 5456, 5511): better begin anew soon.
_OFFSETS_SECONDS = 2.0
_LINGER_MILLISECONDS = 5  # so that records that follow each other travel together
_QUEUE_KILOBYTES = 64 * 1024  # records sent and not yet acknowledged; whoever sends more waits
_ROOM_SECONDS = 0.005
_LOOK_EVERY = 100  # records between two looks at what has failed meanwhile

_FENCED_CODES = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})  # noqa: SLF001 - the library's own name
_NO_MEMBER_CODES = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.STALE_MEMBER_EPOCH,
    }
)

Result = TypeVar("Result")
log = structlog.get_logger(__name__)


class KafkaTransactions:
    """See `throughline.bus.Transactions`.

    librdkafka's calls block, so they run in a thread of their own. Whoever is cancelled waits for the call to return. One that
    does not return in its time ends these transactions: the thread stays behind with it.

    Args:
        settings: How to reach Kafka, and how long a transaction may take.
        servers: Where it is.
        transactional_id: Names what is owned.
        metrics: ``transactions``, ``records_published``.
    """

    def __init__(self, settings: KafkaSettings, servers: str, transactional_id: str, metrics: Metrics) -> None:
        self._id, self._where, self._metrics, self._timeout = transactional_id, servers, metrics, settings.request_timeout
        self._configuration = client_configuration(settings, servers) | {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": round(settings.transaction_timeout * 1000),
            "socket.timeout.ms": round(min(_ANSWER_SECONDS, settings.request_timeout, settings.transaction_timeout) * 1000),
            "partitioner": LIBRDKAFKA_PARTITIONER,
            "compression.type": settings.compression,
            "linger.ms": _LINGER_MILLISECONDS,
            "message.max.bytes": LARGEST_RECORD,
            "queue.buffering.max.kbytes": _QUEUE_KILOBYTES,
            "delivery.report.only.error": True,
        }
        self._thread = CallerThread("transactions")
        self._producer: Producer | None = None
        self._under_way: _Transaction | None = None
        self._failed: BusError | None = None
        self._ended: BusError | None = None

    async def start(self) -> None:
        """Takes the transactional id over from whoever had it.

        Raises:
            BusError: Kafka could not be reached, or refuses it.
        """
        try:
            self._producer = Producer(self._configuration)
        except KafkaException as error:
            raise BusError(f"transactions under {self._id} cannot be configured: {error.args[0].str()}") from error
        try:
            await self.call(self._producer.init_transactions, self._timeout)
        except KafkaException as error:
            failure = self.failure("could not be opened", error)
            await self._end()
            raise failure from error

    @property
    def is_open(self) -> bool:
        """Whether it has a connection."""
        return self._producer is not None

    @property
    def producer(self) -> Producer:
        """The client. Raises what these transactions have ended by."""
        if self._ended is not None:
            raise type(self._ended)(*self._ended.args)
        if self._producer is None:
            raise BusError(f"the transactions under {self._id} have been stopped")
        return self._producer

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[_Transaction]:
        """See `throughline.bus.Transactions.begin`."""
        if self._under_way is not None:
            raise BusError(f"a transaction under {self._id} is under way: only one can be at a time")
        transaction = self._under_way = _Transaction(self, self._timeout)
        try:
            await self._begin()
            try:
                yield transaction
            except BaseException:
                await self._abort()
                raise
            await self._commit(transaction)
        finally:
            self._under_way = None
            transaction.over = True

    async def _begin(self) -> None:
        try:
            await self.call(self.producer.begin_transaction)
        except KafkaException as error:
            failure = self.failure("was not begun", error)
            await self._end()
            raise failure from error
        except asyncio.CancelledError:
            await self._abort()
            raise

    async def _commit(self, transaction: _Transaction) -> None:
        try:
            await self.call(self.producer.commit_transaction, self._timeout)
        except KafkaException as error:
            failure = await self._not_committed(error)
            raise failure from error
        except asyncio.CancelledError as cancelled:
            if isinstance(cancelled.__cause__, KafkaException):
                await self._not_committed(cancelled.__cause__)
            else:
                self._count(transaction)
            raise
        self._count(transaction)

    def _count(self, transaction: _Transaction) -> None:
        self._metrics.transactions.labels("committed").inc()
        for topic, count in transaction.sent.items():
            self._metrics.records_published.labels(topic).inc(count)

    async def _not_committed(self, error: KafkaException) -> BusError:
        cause: KafkaError = error.args[0]
        failure = self.failure("was not committed", error)
        if cause.txn_requires_abort():
            await self._abort()
        elif not cause.fatal():
            failure = self._failed = BusError(
                f"{failure}. It may or may not have been committed: open {self._id} again to decide it"
            )
        await self._end()
        return failure

    async def _abort(self) -> None:
        if self._producer is None:
            return
        try:
            await self.call(self._producer.abort_transaction, self._timeout)
        except KafkaException as error:
            failure = self.failure("could not be aborted", error)
            log.warning("a transaction is left to its successor or its timeout", transactional_id=self._id, error=str(failure))
        else:
            self._metrics.transactions.labels("aborted").inc()
        if self._failed is not None:
            await self._end()

    async def _end(self) -> None:
        """Nothing more is done with this producer: after a failure its numbering of records may have a gap."""
        failure = self._failed
        if self._ended is None and failure is not None:
            self._ended = failure
            self._metrics.transactions.labels("fenced" if isinstance(failure, FencedError) else "failed").inc()
        await self._close()

    async def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Runs one of librdkafka's blocking calls to its end, also when the caller is cancelled.

        Args:
            function: The call.
            arguments: Its arguments; a last one that is a float is the time that it is given, in seconds.

        Raises:
            BusError: it does not return in that time. Then the client is given up; whoever opens the id next aborts what it left.
        """
        patience = (arguments[-1] if arguments and isinstance(arguments[-1], float) else self._timeout) + _GRACE_SECONDS
        running = asyncio.wrap_future(self._thread.submit(function, *arguments))
        try:
            done, _ = await asyncio.wait([running], timeout=patience)
        except asyncio.CancelledError as cancelled:
            done, _ = await asyncio.wait([running], timeout=patience)
            if not done:
                self._give_up()
            raise cancelled from (running.exception() if done else None)
        if not done:
            raise self._give_up()
        return cast("Result", running.result())

    def _give_up(self) -> BusError:
        failure = self._failed = self._ended = BusError(
            f"Kafka at {self._where}: a transaction under {self._id} does not go on: open {self._id} again"
        )
        self._metrics.transactions.labels("failed").inc()
        self._producer = None
        self._thread.shutdown()
        return failure

    async def refused(self, what: str, error: KafkaException) -> BusError:
        """What to raise when a record or offsets were not taken."""
        if error.args[0].code() == KafkaError._FATAL and self._producer is not None:  # noqa: SLF001 - the library's own name
            try:  # that something was fatal is all it says; ending the transaction says what
                await self.call(self._producer.abort_transaction, self._timeout)
            except KafkaException as reason:
                error = reason
        return self.failure(what, error)

    def failure(self, what: str, error: KafkaException) -> BusError:
        """What to raise for one of librdkafka's errors, which these transactions end by. Once fenced, fenced for good."""
        cause: KafkaError = error.args[0]
        text = f"Kafka at {self._where}: a transaction under {self._id} {what}: {cause.str()}"
        if cause.code() in _FENCED_CODES:
            failure: BusError = FencedError(
                f"{text}. Another has taken it over, or it took longer than kafka.transaction_timeout"
            )
        elif cause.code() in _NO_MEMBER_CODES:
            failure = FencedError(f"{text}. The group has gone on without this member: its partitions may be another's")
        elif cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            failure = RecordRefusedError(f"{text}. Raise the topic's max.message.bytes")
        elif cause.code() == KafkaError.INVALID_TRANSACTION_TIMEOUT:
            failure = BusError(f"{text}. Lower kafka.transaction_timeout, or raise the broker's transaction.max.timeout.ms")
        else:
            failure = BusError(text)
        if not isinstance(self._failed, FencedError):
            self._failed = failure
        return self._failed

    async def stop(self) -> None:
        """See `throughline.bus.Transactions.stop`."""
        if self._under_way is not None:
            self._under_way.over = True
            await self._abort()
        await self._close()

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            del producer  # closes it; its own ``close`` would try to abort once more
            self._thread.shutdown()


class _Transaction:
    """See `throughline.bus.Transaction`."""

    def __init__(self, owner: KafkaTransactions, timeout: float) -> None:
        self._owner, self._timeout = owner, timeout
        self.sent: Counter[str] = Counter()
        self._count = 0
        self.over = False

    def _producer(self) -> Producer:
        producer = self._owner.producer
        if self.over:
            raise BusError("this transaction is over: begin another")
        return producer

    async def send(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """See `throughline.bus.Transaction.send`."""
        data = key.encode(errors="surrogateescape")
        fields: list[tuple[str, str | bytes | None]] = list(headers.items())
        waiting: float | None = None
        clock = asyncio.get_running_loop().time
        while True:
            producer = self._producer()
            try:
                if waiting is not None or self._count % _LOOK_EVERY == 0:
                    producer.poll(0)  # raises what is fatal
                producer.produce(topic, value, data, headers=fields)
            except BufferError as error:
                waiting = waiting or clock()
                if clock() - waiting > self._timeout:
                    raise BusError(f"no room for a record for {topic} within {self._timeout:g} s: is Kafka running?") from error
                await asyncio.sleep(_ROOM_SECONDS)
                continue
            except KafkaException as error:
                if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:  # never left this process
                    raise RecordRefusedError(f"a record of {len(value or b'')} bytes is too large for {topic}") from error
                raise await self._owner.refused(f"did not take a record for {topic}", error) from error
            break
        self.sent[topic] += 1
        self._count += 1
        if self._count % _LOOK_EVERY == 0:
            await asyncio.sleep(0)  # others have work too

    async def commit_offsets(self, membership: Membership, offsets: Mapping[Place, int]) -> None:
        """See `throughline.bus.Transaction.commit_offsets`."""
        producer = self._producer()
        places = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        if not places:
            return
        metadata = group_metadata(membership)
        try:
            await self._owner.call(producer.send_offsets_to_transaction, places, metadata, min(self._timeout, _OFFSETS_SECONDS))
        except KafkaException as error:
            raise await self._owner.refused(f"did not take the offsets of the group {membership.group}", error) from error
