"""Precision and recall of match events against known passages from camera to camera."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Join", "Passage", "PassageScore", "score_passages"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A vehicle that was seen by one camera and then by another.

    Attributes:
        vehicle: True vehicle id.
        from_: Camera id.
        to: Camera id.
    """

    vehicle: Hashable
    from_: str
    to: str


@dataclass(frozen=True, slots=True)
class Join:
    """A final decision that two tracklets show one vehicle.

    Attributes:
        tracklet: Tracklet id.
        camera: Its camera.
        joined: Tracklet that it was joined to.
        joined_camera: That one's camera.
    """

    tracklet: str
    camera: str
    joined: str
    joined_camera: str


@dataclass(frozen=True, slots=True)
class PassageScore:
    """Which passages were found.

    Attributes:
        matched: Passages that a join connects, each once.
        missed: Passages that none connects.
        wrong: Joins of tracklets that show different vehicles, or of which one shows none.
        unlisted: Joins of one vehicle's tracklets that are no listed passage; they count neither way.
    """

    matched: tuple[Passage, ...] = ()
    missed: tuple[Passage, ...] = ()
    wrong: tuple[Join, ...] = ()
    unlisted: tuple[Join, ...] = ()
    by_link: dict[tuple[str, str], PassageScore] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        """Matched passages among them and the wrong joins; 1 without any."""
        total = len(self.matched) + len(self.wrong)
        return len(self.matched) / total if total else 1.0

    @property
    def recall(self) -> float:
        """Matched passages among all; 1 without any."""
        total = len(self.matched) + len(self.missed)
        return len(self.matched) / total if total else 1.0


def score_passages(
    shown: Mapping[str, Hashable | None],
    joins: Iterable[Join],
    passages: Iterable[Passage],
    connected: Container[Passage] = (),
) -> PassageScore:
    """Compares final joins with what truly happened.

    Args:
        shown: True vehicle by tracklet id; None, or a tracklet that is not there: it shows no vehicle of the truth.
        joins: Final joins, in either direction of a passage.
        passages: What truly happened.
        connected: Passages that are found though no join leads straight from the one camera to the other.
    """
    joins, true = list(joins), set(passages)
    found, wrong, unlisted = _sort(shown, joins, true)
    found |= {passage for passage in true if passage in connected}
    matched, missed = sorted(found, key=_key), sorted(true - found, key=_key)
    links = {(passage.from_, passage.to) for passage in true}
    parts: dict[tuple[str, str], tuple[list[Passage], list[Passage], list[Join]]] = {link: ([], [], []) for link in links}
    for passage in matched:
        parts[passage.from_, passage.to][0].append(passage)
    for passage in missed:
        parts[passage.from_, passage.to][1].append(passage)
    for join in wrong:
        parts.setdefault(_link(join, links), ([], [], []))[2].append(join)
    by_link = {
        link: PassageScore(tuple(found_there), tuple(missed_there), tuple(wrong_there))
        for link, (found_there, missed_there, wrong_there) in sorted(parts.items())
    }
    return PassageScore(tuple(matched), tuple(missed), tuple(wrong), tuple(unlisted), by_link)


def _sort(
    shown: Mapping[str, Hashable | None], joins: Iterable[Join], true: set[Passage]
) -> tuple[set[Passage], list[Join], list[Join]]:
    by_value = {(passage.vehicle, passage.from_, passage.to): passage for passage in true}
    found: set[Passage] = set()
    wrong, unlisted = [], []
    for join in joins:
        vehicle, other = shown.get(join.tracklet), shown.get(join.joined)
        if vehicle is None or vehicle != other:
            wrong.append(join)
            continue
        both = (vehicle, join.joined_camera, join.camera), (vehicle, join.camera, join.joined_camera)
        passage = next((by_value[value] for value in both if value in by_value), None)
        if passage is None:
            unlisted.append(join)
        else:
            found.add(passage)
    return found, wrong, unlisted


def _link(join: Join, links: set[tuple[str, str]]) -> tuple[str, str]:
    forward, backward = (join.joined_camera, join.camera), (join.camera, join.joined_camera)
    return backward if backward in links and forward not in links else forward


def _key(passage: Passage) -> tuple[str, str, str]:
    return passage.from_, passage.to, str(passage.vehicle)
