"""What the page shows, as plain values: numbers that people can tell vehicles by, and the latest matches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from throughline.messages import CameraStatus, MatchEvent, TrackletRef
from throughline.times import to_iso

__all__ = ["Board"]

_REMEMBERED: Final = 5000
"""Tracklets whose numbers are kept; those not seen for longest go first."""


class Board:
    """Everything that somebody who opens the page now has to be told, and what changes.

    A vehicle has one number, from 1, at whatever camera it is seen: a tracklet gets the next one when it is first seen, and takes
    that of the tracklet it is joined to.

    Args:
        title: Heading of the page.
        about: What is shown, in a sentence.
        cameras: Camera ids, in the order in which they are shown.
        matches_kept: Matches that are shown at most.
    """

    def __init__(self, title: str, about: str, cameras: Iterable[str], *, matches_kept: int = 40) -> None:
        self._title: Final = title
        self._about: Final = about
        self._cameras: Final = tuple(cameras)
        self._matches_kept: Final = matches_kept
        self._matches: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._number_of: OrderedDict[str, int] = OrderedDict()
        self._places: OrderedDict[int, tuple[str, ...]] = OrderedDict()
        self._statuses: dict[str, CameraStatus] = {}
        self._next = 1
        self._status: dict[str, Any] = {"type": "status", "phase": "", "text": ""}

    def hello(self) -> dict[str, Any]:
        """The first message to a page."""
        return {
            "type": "hello",
            "title": self._title,
            "about": self._about,
            "cameras": self._cameras,
            "matches": list(self._matches.values()),
            "status": self._status,
        }

    def status(self, phase: str, text: str) -> dict[str, Any]:
        """The message about how things go: what happens now, and a line of figures."""
        states = {name: status.state for name, status in self._statuses.items()}
        rates = {name: status.analysed_fps for name, status in self._statuses.items()}
        self._status = {"type": "status", "phase": phase, "text": text, "states": states, "rates": rates}
        return self._status

    def camera(self, status: CameraStatus) -> None:
        """Notes how a camera is doing."""
        self._statuses[status.camera] = status

    def media_url(self, camera: str) -> str | None:
        """Where the pictures of a camera are; None if that is not known (yet), or there is no such camera."""
        status = self._statuses.get(camera)
        return status.media_url if status is not None and camera in self._cameras else None

    def live(self, frame: dict[str, Any]) -> dict[str, Any]:
        """A camera's latest frame (`streams.media.Media.live`) with the ``vehicle`` number of each track, and its ``cameras``."""
        for track in frame["tracks"]:
            name = track["tracklet"]
            number = None if name is None else self._number(name, frame["camera"])
            track["vehicle"], track["cameras"] = number, () if number is None else self._places[number]
        return frame

    def match(self, event: MatchEvent, right: bool | None = None) -> dict[str, Any] | None:
        """Takes in a match event; the message to send about it, if there is anything to show.

        Args:
            event: The next one.
            right: Whether the join is right, where the truth is known.
        """
        if event.kind == "watchlist":
            return None
        here, joined = event.tracklet, event.joined
        if joined is None:
            self._number(here.tracklet, here.camera)
            shown = self._matches.get(here.tracklet)
            if shown is None or event.kind == "new":
                return None
            shown |= {"kind": event.kind, "reason": event.reason or ""}
            return shown
        number = self._number(joined.tracklet, joined.camera)
        self._take(here.tracklet, number)
        self._seen(number, here.camera)
        message = self._message(event, here, joined, number, right)
        self._matches.pop(here.tracklet, None)
        self._matches[here.tracklet] = message
        while len(self._matches) > self._matches_kept:
            self._matches.popitem(last=False)
        return message

    def _message(
        self, event: MatchEvent, here: TrackletRef, joined: TrackletRef, number: int, right: bool | None
    ) -> dict[str, Any]:
        return {
            "type": "match",
            "tracklet": here.tracklet,
            "kind": event.kind,
            "vehicle": number,
            "cameras": self._places[number],
            "from": joined.camera,
            "to": here.camera,
            "time": to_iso(here.start)[11:19],
            "travel": event.travel_time,
            "probability": event.probability,
            "reasons": [
                {"term": term.term.replace("_", " "), "llr": round(term.llr, 2), "raw": term.raw, "unit": term.unit}
                for term in event.evidence
            ],
            "shots": [_shot(joined), _shot(here)],
            "reason": event.reason or "",
            "right": right,
        }

    def _number(self, tracklet: str, camera: str) -> int:
        number = self._number_of.get(tracklet)
        if number is None:
            number, self._next = self._next, self._next + 1
        self._take(tracklet, number)
        self._seen(number, camera)
        return number

    def _take(self, tracklet: str, number: int) -> None:
        self._number_of[tracklet] = number
        self._number_of.move_to_end(tracklet)
        while len(self._number_of) > _REMEMBERED:
            self._number_of.popitem(last=False)

    def _seen(self, number: int, camera: str) -> None:
        places = self._places.get(number, ())
        self._places[number] = places if camera in places else (*places, camera)
        self._places.move_to_end(number)
        while len(self._places) > _REMEMBERED:
            self._places.popitem(last=False)


def _shot(tracklet: TrackletRef) -> str | None:
    """Where the page finds the best shot."""
    return None if tracklet.best_shot is None else f"shots/{quote(tracklet.camera)}/{quote(tracklet.best_shot)}"
