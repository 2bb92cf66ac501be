"""Runs a site's matcher once more over what Kafka keeps of its tracklets; nothing is written to Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from matcher.deciding import MatcherWorker
from matcher.delivery.snapshots import Snapshot, SnapshotStore
from matcher.state import origin_of
from throughline.bus.protocol import Bus, BusError, Place
from throughline.bus.topics import TRACKLETS
from throughline.messages import DecisionTrace, MatchEvent
from throughline.settings import Site
from throughline.times import Instant

__all__ = ["Replay", "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """What is replayed.

    Attributes:
        begins: Whether the matcher begins from a ``snapshot``, or with nothing at the oldest tracklet (``start``).
        start: Offset at which it begins to read.
        first: Offset from which on its events count.
        end: Offset behind the last record.
        snapshot: Where it begins.
    """

    begins: Literal["snapshot", "start"]
    start: int
    first: int
    end: int
    snapshot: Snapshot | None


class Replay:
    """The events that follow from the records that were published in a span of time.

    With the settings and the build that the site ran with, and from one of its snapshots, or from its very beginning, they are
    those of the topic of matches, byte for byte. With other settings they tell what would have been.

    Args:
        bus: A started bus.
        site: Whose tracklets are read.
        settings: What to decide by; default: the site's own.
        trace: Is given the trace of each event's decision, before the event.
    """

    def __init__(
        self,
        bus: Bus,
        site: Site,
        settings: Site | None = None,
        trace: Callable[[DecisionTrace], object] | None = None,
    ) -> None:
        self._bus, self._site, self._trace = bus, site, trace
        other = site if settings is None else settings
        self._settings = other.model_copy(update={"site": site.site, "kafka": site.kafka})
        self._topic = site.kafka.topic(TRACKLETS)
        self.done = 0
        """Records read so far."""

    async def span(self, since: Instant, until: Instant | None) -> Span:
        """Finds where to begin: at the latest snapshot before ``since`` that fits, else at the oldest tracklet.

        Raises:
            BusError: the broker cannot tell offsets by time, or did not answer.
        """
        if not self._bus.capabilities.offsets_by_time:
            raise BusError("the embedded broker does not know when records were published: replay needs a real Kafka")
        place = await self._place()
        oldest = (await self._bus.first_offsets([place]))[place]
        first = (await self._bus.offsets_for_time([place], since))[place]
        end = (await self._bus.end_offsets([place]))[place]
        if until is not None:
            end = min(end, (await self._bus.offsets_for_time([place], until))[place])
        best: Snapshot | None = None
        async for snapshot in SnapshotStore(self._bus, self._site).all():
            if snapshot.manifest.origin == origin_of(self._settings) and oldest <= snapshot.manifest.offset <= first:
                best = snapshot
        start = oldest if best is None else best.manifest.offset
        return Span("start" if best is None else "snapshot", start, first, max(first, end), best)

    async def events(self, span: Span) -> AsyncIterator[list[MatchEvent]]:
        """The events of a span, in order.

        Raises:
            BusError: records are gone by now, or Kafka did not deliver.
        """
        traces: list[DecisionTrace] = []
        worker = MatcherWorker(
            self._settings,
            state=None if span.snapshot is None else span.snapshot.state,
            trace=None if self._trace is None else traces.append,
        )
        key = self._site.site.encode()
        try:
            await worker.ready()
            async for batch in self._bus.read(await self._place(), span.start, span.end):
                own = [record for record in batch if record.key == key]
                verdict = await worker.decide([record.value or b"" for record in own])
                self.done += len(batch)
                pairs = zip(own, verdict.decided, strict=True)
                events = [event for record, decided in pairs if record.offset >= span.first for event in decided.events]
                self._hand_on(traces, events)
                if events:
                    yield events
        finally:
            worker.close()

    def _hand_on(self, traces: list[DecisionTrace], events: Sequence[MatchEvent]) -> None:
        wanted = {event.sequence for event in events}
        for trace in traces:
            if self._trace is not None and trace.sequence in wanted:
                self._trace(trace)
        traces.clear()

    async def _place(self) -> Place:
        return self._topic, await self._bus.partition_of(self._topic, self._site.site)
