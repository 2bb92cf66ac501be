"""A made-up city for the matcher: vehicles drive from camera to camera, and the truth is known.

Cameras stand on a grid without edges and each leads to two to four of its neighbours. Vehicles stay in view for a while,
drive on with a travel time of the link's own distribution, or leave; new ones come in as often as others leave. What is given
out are the bytes that would stand on Kafka: tracklets opened, updated every second and closed, and every camera's progress.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import numpy as np

from throughline.messages import Clock, Embedding, PathPoint, Progress, Tracklet, encode_record
from throughline.settings import Site, parse_site
from throughline.times import MICROSECONDS, Instant, to_instant
from throughline.types import ClockSource, FloatArray

__all__ = ["City", "CityPlan", "Message", "busy_pair_plan"]

_START: Instant = 1_700_000_000_000_000
_MODEL, _HASH = "city", "0" * 16
_CLOCK = Clock(ClockSource.RTCP, 0.02)
_EMBEDDED_UPDATES = 5
"""Updates after which a tracker computes no more embeddings for a track."""
_PATH_SECONDS = 0.25
_TYPES = (("car", 0.8), ("truck", 0.1), ("bus", 0.05), ("motorcycle", 0.05))


@dataclass(frozen=True, slots=True)
class CityPlan:
    """What the city is like.

    Attributes:
        cameras: Number of cameras.
        in_view: Vehicles in view of each camera at once, on average.
        stay: Mean seconds that a vehicle is in view.
        go_on: Share of vehicles that drive on to another camera.
        dimension: Length of an embedding.
        identity: Share of an embedding's variance that is the vehicle's own; 0.21 of 128 numbers: area under the ROC curve 0.95.
        travel: Least and largest typical travel time of a link in seconds.
        spread: Standard deviation of the logarithm of travel times.
        window: Site file's least and largest travel time of a link, as shares of its typical one.
        pair: Only two cameras, the first of which leads to the second.
        overlap: Typical seconds for which a vehicle is seen by two cameras at once; 0: views do not overlap.
        models: Networks that look at each vehicle.
        whole: Tracklets are published once, when they are over, as recorded ones are; else when opened, every second, and closed.
        seed: Of everything random.
    """

    cameras: int = 500
    in_view: float = 10.0
    stay: float = 15.0
    go_on: float = 0.8
    dimension: int = 128
    identity: float = 0.21
    travel: tuple[float, float] = (15.0, 45.0)
    spread: float = 0.15
    window: tuple[float, float] = (0.6, 1.8)
    pair: bool = False
    overlap: float = 0.0
    models: int = 1
    whole: bool = False
    seed: int = 1


def busy_pair_plan(candidates: int, seed: int = 1) -> CityPlan:
    """Two cameras, with so many vehicles in the window of their link at once."""
    travel, window, stay = 60.0, (0.5, 2.0), 10.0
    flow = candidates / (travel * (window[1] - window[0]))
    return CityPlan(2, flow * stay, stay, travel=(travel, travel), window=window, pair=True, seed=seed)


class Message(NamedTuple):
    """One record as it would stand on Kafka."""

    second: int
    is_progress: bool
    value: bytes


@dataclass(slots=True)
class _Passage:
    """One vehicle in view of one camera."""

    camera: int
    vehicle: int
    start: float
    end: float
    tracklet: str
    type: str
    looks: list[tuple[Embedding, ...]]
    revision: int = 0


@dataclass(slots=True)
class _Vehicle:
    identity: list[FloatArray]
    type: str


@dataclass(slots=True)
class City:
    """Its site file, its traffic, and the truth.

    Attributes:
        plan: What it is like.
        site: Site with cameras ``c0``, ``c1`` ... and their links.
        vehicle_of: The vehicle that each tracklet given out so far truly shows.
        before: The vehicle's former tracklet, for those that have one.
    """

    plan: CityPlan
    site: Site = field(init=False)
    vehicle_of: dict[str, int] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    _rng: np.random.Generator = field(init=False)
    _typical: list[dict[int, float]] = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.plan.seed)
        self._typical = self._links()
        links = [
            {
                "from": f"c{one}",
                "to": f"c{other}",
                "travel": dict(zip(("min", "typical", "max"), self.travel(one, other), strict=True)),
            }
            for one, ways in enumerate(self._typical)
            for other in ways
        ]
        cameras = [{"id": f"c{number}"} for number in range(self.plan.cameras)]
        self.site = parse_site(json.dumps({"site": "city", "cameras": cameras, "links": links}))

    def travel(self, one: int, other: int) -> tuple[float, float, float]:
        """Least, typical and most seconds from one camera to another, as the site file says."""
        if self.plan.overlap:
            return -2.0 * self.plan.overlap, -self.plan.overlap, 0.0
        typical, (low, high) = self._typical[one][other], self.plan.window
        return low * typical, typical, high * typical

    def ways_to(self, camera: int) -> list[int]:
        """Cameras from which a road leads to this one."""
        return [one for one, ways in enumerate(self._typical) if camera in ways]

    def _links(self) -> list[dict[int, float]]:
        count_, (low, high) = self.plan.cameras, self.plan.travel
        if self.plan.pair:
            return [{1: low}, {}]
        rows = max(number for number in range(1, math.isqrt(count_) + 1) if count_ % number == 0)
        columns = count_ // rows
        result = []
        for camera in range(count_):
            row, column = divmod(camera, columns)
            around = {
                ((row + down) % rows) * columns + (column + right) % columns for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0))
            }
            known = sorted(around - {camera})
            chosen = self._rng.permutation(known)[: int(self._rng.integers(2, 5))]
            result.append({int(other): float(self._rng.uniform(low, high)) for other in sorted(chosen)})
        return result

    def messages(self, seconds: int) -> Iterator[Message]:
        """The records of so many seconds, in the order of capture."""
        queue: list[tuple[float, int, str, int, _Passage | int]] = []
        numbers, fleet = count(), _Fleet(self.plan, self._rng)

        def later(at: float, what: str, camera: int, about: _Passage | int) -> None:
            heapq.heappush(queue, (at, next(numbers), what, camera, about))

        self._begin(later, fleet)
        for camera in range(self.plan.cameras):
            later(float(self._rng.uniform(0.0, 1.0)), "progress", camera, 0)
        while queue:
            at, _, what, camera, about = heapq.heappop(queue)
            if at >= seconds:
                return
            if isinstance(about, _Passage):
                yield Message(int(at), False, self._report(about, at, later, fleet))
            elif what == "progress":
                yield Message(int(at), True, encode_record(Progress("city", f"c{camera}", _instant(at))))
                later(at + 1.0, "progress", camera, 0)
            elif what == "new":
                later(at, "arrive", camera, fleet.new())
                later(at + float(self._rng.exponential(1.0 / self._new_rate(camera))), "new", camera, 0)
            else:
                passage = self._arrive(camera, about, at, fleet)
                later(passage.end if self.plan.whole else at, "report", camera, passage)
                if self.plan.overlap:
                    self._go_on(passage, later, fleet)

    def _new_rate(self, camera: int) -> float:
        """New vehicles a second: what comes in makes up for what leaves."""
        flow = self.plan.in_view / self.plan.stay
        if self.plan.pair:
            return flow if camera == 0 else flow * (1.0 - self.plan.go_on)
        return flow * (1.0 - self.plan.go_on)

    def _begin(self, later: object, fleet: _Fleet) -> None:
        """Vehicles in view and on the roads at the start, as in the middle of a day."""
        assert callable(later)  # noqa: S101 - narrows what mypy cannot name for a local function
        plan, rng = self.plan, self._rng
        typical = sum(sum(ways.values()) for ways in self._typical) / max(1, sum(map(len, self._typical)))
        for camera in range(plan.cameras):
            later(float(rng.exponential(1.0 / self._new_rate(camera))), "new", camera, 0)
            driving = plan.in_view / plan.stay * plan.go_on * typical
            if not plan.pair:
                for _ in range(int(rng.poisson(plan.in_view + driving))):
                    later(float(rng.uniform(0.0, plan.stay + typical)), "arrive", camera, fleet.new())

    def _arrive(self, camera: int, vehicle: int, at: float, fleet: _Fleet) -> _Passage:
        stay = float(self.plan.stay * self._rng.gamma(6.0, 1.0 / 6.0))
        tracklet = f"c{camera}-{_instant(at)}-{vehicle}"
        self.vehicle_of[tracklet] = vehicle
        if (former := fleet.last.get(vehicle)) is not None:
            self.before[tracklet] = former
        fleet.last[vehicle] = tracklet
        one = fleet.fleet[vehicle]
        return _Passage(camera, vehicle, at, at + max(1.5, stay), tracklet, one.type, fleet.looks(one))

    def _report(self, passage: _Passage, at: float, later: object, fleet: _Fleet) -> bytes:
        assert callable(later)  # noqa: S101 - as above
        over = at >= passage.end
        revision = passage.revision
        if self.plan.whole:
            revision = 0
        state = "closed" if over else "updated" if revision else "opened"
        looks = passage.looks[-1] if over else passage.looks[min(revision, len(passage.looks) - 1)]
        told = () if revision >= _EMBEDDED_UPDATES and not over else looks
        record = Tracklet(
            "city", f"c{passage.camera}", passage.tracklet, revision, state,  # type: ignore[arg-type]  # one of the three words
            _instant(passage.start), _instant(min(at, passage.end)), _CLOCK,
            types={name: 0.85 if name == passage.type else 0.05 for name, _ in _TYPES},
            path=_path(passage.start if over else max(passage.start, at - 1.0), min(at, passage.end)),
            heading=90.0, embeddings=told, quality=0.8, sightings=1 + int(10 * (at - passage.start)),
        )  # fmt: skip
        passage.revision += 1
        if not over:
            later(min(at + 1.0, passage.end), "report", passage.camera, passage)
        elif not self.plan.overlap:
            self._go_on(passage, later, fleet)
        return encode_record(record)

    def _go_on(self, passage: _Passage, later: object, fleet: _Fleet) -> None:
        """To another camera, or out of the city."""
        assert callable(later)  # noqa: S101 - as above
        ways = self._typical[passage.camera]
        if not ways or self._rng.random() >= self.plan.go_on:
            fleet.leave(passage.vehicle)
            return
        other = int(self._rng.choice(list(ways)))
        least, typical, most = self.travel(passage.camera, other)
        drawn = self._rng.lognormal(0.0, self.plan.spread)
        travel = float(np.clip(typical * drawn, least, most))
        later(max(passage.start + 0.2, passage.end + travel), "arrive", other, passage.vehicle)


class _Fleet:
    """Vehicles on the road, and how they look."""

    def __init__(self, plan: CityPlan, rng: np.random.Generator) -> None:
        self._plan, self._rng = plan, rng
        self.fleet: dict[int, _Vehicle] = {}
        self.last: dict[int, str] = {}
        self._created = 0
        self._types = [name for name, _ in _TYPES]
        self._shares = [share for _, share in _TYPES]

    def new(self) -> int:
        self._created += 1
        identity = [self._directions(1)[0] for _ in range(self._plan.models)]
        self.fleet[self._created] = _Vehicle(identity, str(self._rng.choice(self._types, p=self._shares)))
        return self._created

    def leave(self, vehicle: int) -> None:
        del self.fleet[vehicle]
        self.last.pop(vehicle, None)

    def _directions(self, number: int) -> FloatArray:
        return _unit(self._rng.standard_normal((number, self._plan.dimension), np.float32))

    def looks(self, vehicle: _Vehicle) -> list[tuple[Embedding, ...]]:
        """At first, and better and better; to each network."""
        seen = [self._seen(_MODEL if number == 0 else f"{_MODEL}-{number}", one) for number, one in enumerate(vehicle.identity)]
        return list(zip(*seen, strict=True))

    def _seen(self, model: str, identity: FloatArray) -> list[Embedding]:
        share = self._plan.identity
        noise = self._directions(1 + _EMBEDDED_UPDATES + 3)
        mean = _unit(math.sqrt(share) * identity + math.sqrt(1.0 - share) * noise[0])
        views = _unit(math.sqrt(0.8) * mean + math.sqrt(0.2) * noise[-3:])
        means = [_unit(mean + 0.5 / math.sqrt(1 + step) * noise[1 + step]) for step in range(_EMBEDDED_UPDATES)]
        stages = [Embedding.of(model, _HASH, early, views[: 1 + step]) for step, early in enumerate(means)]
        return [*stages, Embedding.of(model, _HASH, mean, views)]


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def _instant(seconds: float) -> Instant:
    return _START + to_instant(seconds)


def _path(first: float, last: float) -> tuple[PathPoint, ...]:
    points = max(1, int((last - first) / _PATH_SECONDS))
    return tuple(
        PathPoint(_instant(first) + round(k * _PATH_SECONDS * MICROSECONDS), 100.0 + k, 200.0 + 3 * k, 120.0, 90.0)
        for k in range(points)
    )
