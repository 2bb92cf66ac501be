"""A small city with a known truth, for tests of the matcher: no pictures, only tracklets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from throughline.messages import Clock, Embedding, MatcherRecord, Progress, Tracklet
from throughline.settings import Site, parse_site
from throughline.times import Instant, after
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS, ClockSource

__all__ = ["START", "Seen", "chain_site", "complete_at_end", "drive", "streamed", "tracklet", "vector"]

START: Instant = 1_700_000_000_000_000
DIMENSION = 64


@dataclass(frozen=True)
class Seen:
    """A closed tracklet and the vehicle that it truly shows."""

    tracklet: Tracklet
    vehicle: int


def chain_site(
    cameras: int = 3,
    matching: str = "",
    extra: str = "",
    *,
    opposite_view: bool = False,
    by_camera: Mapping[str, str] | None = None,
) -> Site:
    """Cameras c1, c2 ... along one road, 20 s apart; ``by_camera`` gives their own `matching`."""
    own = by_camera or {}
    link = f"opposite_view: {str(opposite_view).lower()}, travel: {{min: 5, typical: 20, max: 60}}"
    lines = ["site: test", "cameras:"]
    lines += [f"  - {{id: c{number}, matching: {{{own.get(f'c{number}', '')}}}}}" for number in range(1, cameras + 1)]
    lines += ["links:"]
    lines += [f"  - {{from: c{n}, to: c{n + 1}, {link}}}" for n in range(1, cameras)]
    return parse_site("\n".join(lines) + f"\nmatching: {{{matching}}}\n{extra}\n")


def tracklet(
    camera: str,
    start: float,
    end: float,
    *,
    name: str | None = None,
    look: np.ndarray | None = None,
    types: dict[str, float] | None = None,
    colour: Mapping[str, float] | None = None,
    orientation: Mapping[str, float] | None = None,
    revision: int = 0,
    state: str = "closed",
    site: str = "test",
) -> Tracklet:
    """A tracklet; times are seconds after `START`."""
    embeddings = () if look is None else (Embedding.of("test", "0" * 16, (look / np.linalg.norm(look)).astype(np.float32)),)
    return Tracklet(
        site,
        camera,
        name or f"{camera}-{START + round(start * 1e6)}-1",
        revision,
        state,  # type: ignore[arg-type]  # tests hand in one of the three words
        after(START, start),
        after(START, end),
        Clock(ClockSource.FILE, 0.0),
        types or {},
        orientation=vector(ORIENTATIONS, orientation),
        embeddings=embeddings,
        attributes={"colour": vector(VEHICLE_COLOURS, colour)} if colour else {},
    )


def vector(names: Sequence[str], shares: Mapping[str, float] | None) -> tuple[float, ...]:
    """Shares in the order of the names; empty where there are none."""
    return tuple(shares.get(name, 0.0) for name in names) if shares else ()


def drive(
    site: Site, vehicles: int, *, seed: int, every: float = 6.0, travel: float = 20.0, spread: float = 2.0, noise: float = 0.8
) -> list[Seen]:
    """Vehicles that pass the cameras of a site one after the other, in the order of the site file; some skip the last."""
    rng = np.random.default_rng(seed)
    cameras = [camera.id for camera in site.cameras]
    seen = []
    for vehicle in range(vehicles):
        identity = rng.normal(size=DIMENSION)
        at = vehicle * every * float(rng.uniform(0.6, 1.4))
        last = len(cameras) - int(rng.random() < 0.2)
        for camera in cameras[:last]:
            stay = float(rng.uniform(2.0, 6.0))
            look = identity + noise * rng.normal(size=DIMENSION)
            name = f"{camera}-{after(START, at)}-{vehicle}"
            seen.append(Seen(tracklet(camera, at, at + stay, name=name, look=look, site=site.site), vehicle))
            at += stay + travel + float(rng.normal(0.0, spread))
    return sorted(seen, key=lambda one: (one.tracklet.end, one.tracklet.tracklet))


def complete_at_end(site: Site, seen: Iterable[Seen]) -> list[MatcherRecord]:
    """Each tracklet once, when it ends, with progress of all cameras; the footage ends with the last."""
    records: list[MatcherRecord] = []
    ordered = [one.tracklet for one in seen]
    for closed in ordered:
        records += [Progress(site.site, camera.id, closed.end) for camera in site.cameras]
        records.append(closed)
    return records + _ends(site, ordered)


def streamed(site: Site, seen: Iterable[Seen], step: float = 1.0) -> list[MatcherRecord]:
    """Each tracklet opened, updated every ``step`` seconds and closed, in the order of capture."""
    timed: list[tuple[Instant, int, MatcherRecord]] = []
    closed = [one.tracklet for one in seen]
    for whole in closed:
        times = list(range(whole.start, whole.end, round(step * 1e6)))
        for revision, at in enumerate(times):
            state = "opened" if revision == 0 else "updated"
            timed.append((at, 0, msgspec.structs.replace(whole, revision=revision, state=state, end=at)))
        timed.append((whole.end, 1, msgspec.structs.replace(whole, revision=len(times))))
    first, last = min(one.start for one in closed), max(one.end for one in closed)
    for at in range(first, last, 1_000_000):
        timed += [(at, 2, Progress(site.site, camera.id, at)) for camera in site.cameras]
    return [record for _, _, record in sorted(timed, key=lambda entry: entry[:2])] + _ends(site, closed)


def _ends(site: Site, closed: Sequence[Tracklet]) -> list[MatcherRecord]:
    last = max(one.end for one in closed)
    return [Progress(site.site, camera.id, last, end_of_stream=True) for camera in site.cameras]


def without_looks(seen: Iterable[Seen]) -> list[Seen]:
    """The same, as sites without any embedder see it."""
    return [replace(one, tracklet=msgspec.structs.replace(one.tracklet, embeddings=())) for one in seen]
