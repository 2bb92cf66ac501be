"""What a former run has published, so that nothing is said twice and the sequence goes on."""

from __future__ import annotations

from collections import OrderedDict

import msgspec
import structlog

from throughline.messages import MatchEvent, UnreadableMessageError, decode_match_event

__all__ = ["Published"]

_REMEMBERED = 200_000
"""Events of a former run that are recognised when they come again, the latest."""
_FINAL = ("confirmed", "new")

log = structlog.get_logger(__name__)


class Published:
    """Recognises events of a former run by their ids, and a tracklet's first decision by the tracklet.

    Attributes:
        sequence: Number of the latest event, published or admitted.
    """

    def __init__(self, sequence: int = 0) -> None:
        self.sequence = sequence
        self._events: OrderedDict[str, None] = OrderedDict()
        self._decided: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def events(self) -> list[str]:
        """Ids of what was recalled, in the order of publication."""
        return list(self._events)

    def recall(self, value: bytes, *, behind: int = 0, until: int | None = None) -> None:
        """Takes in an event that stands in the topic; what is none is passed over.

        Args:
            value: As it stands there.
            behind: Events up to this number are not meant.
            until: Nor are those beyond this one.
        """
        try:
            event = decode_match_event(value)
        except UnreadableMessageError as error:
            log.warning("a record among the matches is no match event", error=str(error))
            return
        if event.sequence <= behind or (until is not None and event.sequence > until):
            return
        self.sequence = max(self.sequence, event.sequence)
        self._events[event.event] = None
        if event.kind in _FINAL:
            self._decided[event.tracklet.tracklet] = None
        self._shorten()

    def take_over(self, other: Published) -> None:
        """Takes in what another has recalled; the sequence goes on behind that."""
        self.sequence = other.sequence
        self._events |= other._events
        self._decided |= other._decided
        self._shorten()

    def _shorten(self) -> None:
        for known in (self._events, self._decided):
            while len(known) > _REMEMBERED:
                known.popitem(last=False)

    def forget(self) -> None:
        """Whatever comes from now on is new; the sequence goes on."""
        self._events.clear()
        self._decided.clear()

    def admit(self, event: MatchEvent) -> MatchEvent | None:
        """The event with its number in the sequence; None: it has been published."""
        first = event.kind in (*_FINAL, "provisional")
        if event.event in self._events or (first and event.tracklet.tracklet in self._decided):
            return None
        self.sequence += 1
        return event if event.sequence == self.sequence else msgspec.structs.replace(event, sequence=self.sequence)
