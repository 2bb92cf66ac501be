"""A track's life: when it starts, is confirmed, lost, found and ended; and what is told of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.tracker import Tracker
from tests.support.textbook_filter import TextbookFilter
from tests.support.tracking import detections
from throughline.settings import RejoinSettings, TrackingSettings
from throughline.times import to_instant
from throughline.types import Detections, Tracks

BOX = [100.0, 100, 160, 140]
SEEN, UNSEEN = detections([BOX]), Detections.empty()


def _tracker(size: tuple[int, int] | None = None, **changes: Any) -> Tracker:
    return Tracker(TrackingSettings.model_validate({"max_hidden": 0, **changes}), size)


def _play(tracker: Tracker, script: str, fps: float = 10) -> list[Tracks]:
    """One frame for each letter: ``x`` seen, ``-`` not, ``.`` not analysed."""
    return [
        tracker.update(SEEN if letter == "x" else UNSEEN, to_instant(number / fps))
        for number, letter in enumerate(script)
        if letter != "."
    ]


def _events(told: list[Tracks]) -> list[tuple[int, str]]:
    """Number of the frame, and what happened in it to track 1."""
    names = ("started", "confirmed", "lost", "found", "ended")
    return [(number, name) for number, tracks in enumerate(told) for name in names if 1 in getattr(tracks, name)]


def test_every_event_is_told_once() -> None:
    told = _play(_tracker(max_lost=0.5), "xxx--xx-x" + "-" * 12)
    assert _events(told) == [
        (0, "started"),
        (1, "confirmed"),
        (3, "lost"),
        (5, "found"),
        (7, "lost"),
        (8, "found"),
        (9, "lost"),
        (14, "ended"),
    ]
    assert [len(tracks) for tracks in told] == [0, 1, 1, 0, 0, 1, 1, 0, 1] + [0] * 12


@pytest.mark.parametrize("hits", [1, 2, 3, 7])
def test_as_many_sightings_confirm_a_track_as_were_asked_for(hits: int) -> None:
    told = _play(_tracker(confirm_hits=hits), "x" * 9)
    assert _events(told) == [(0, "started"), (hits - 1, "confirmed")]
    (earlier,) = told[hits - 1].earlier if hits > 1 else (None,)
    assert earlier is None or earlier.times.tolist() == [to_instant(number / 10) for number in range(hits - 1)]


@pytest.mark.parametrize(("fps", "frame"), [(5, 5), (10, 10), (25, 25)])
def test_a_track_may_have_to_be_of_some_age_too(fps: float, frame: int) -> None:
    """A second, at whatever rate; all of its sightings before are told when it is."""
    told = _play(_tracker(confirm_after=1.0), "x" * 30, fps)
    assert _events(told) == [(0, "started"), (frame, "confirmed")]
    (earlier,) = told[frame].earlier
    assert len(earlier.times) == frame
    assert (earlier.boxes == BOX).all()


@pytest.mark.parametrize(("max_lost", "gap", "same"), [(1.0, 1.0, True), (1.0, 1.1, False), (3.0, 3.0, True), (3.0, 3.1, False)])
@pytest.mark.parametrize("analysed", ["-", "."], ids=["frames without it", "no frames"])
def test_a_track_is_given_up_after_so_many_seconds(max_lost: float, gap: float, same: bool, analysed: str) -> None:
    told = _play(_tracker(max_lost=max_lost), "xxx" + analysed * (round(gap * 10) - 1) + "xx")
    assert (told[-1].ids.tolist() == [1]) is same
    assert ([name for _, name in _events(told)][-1] == "ended") is not same


@pytest.mark.parametrize("fps", [5, 30])
@pytest.mark.parametrize(("unseen", "same"), [(3, True), (4, False)])
def test_a_track_is_given_up_after_so_many_frames(fps: float, unseen: int, same: bool) -> None:
    """Four without it; frames that were not analysed do not count."""
    told = _play(_tracker(max_lost=20, max_lost_frames=4), "xxx" + "." + "-" * unseen + "xx", fps)
    assert (told[-1].ids.tolist() == [1]) is same


def test_a_track_given_up_after_so_many_frames_has_ended() -> None:
    told = _play(_tracker(max_lost=20, max_lost_frames=4), "xxx" + "-" * 9)
    assert _events(told)[-2:] == [(3, "lost"), (7, "ended")]


def test_whichever_comes_first_gives_a_track_up() -> None:
    told = _play(_tracker(max_lost=0.3, max_lost_frames=100), "xxx" + "-" * 9)
    assert _events(told)[-1] == (6, "ended")


def test_after_so_many_frames_a_track_waits_for_a_fragment_only() -> None:
    """It cannot be continued, but what goes on as it after that time may still become it."""
    tracker = _tracker(max_lost=20, max_lost_frames=4, rejoin={"by_motion_alone": True})
    told = _play(tracker, "xxxxxx" + "-" * 8 + "xxx")
    assert _events(told)[-2:] == [(6, "lost"), (15, "found")]
    assert [tracks.ids.tolist() for tracks in told[-3:]] == [[], [1], [1]]
    assert told[-3].started == (2,)
    told = _play(_tracker(max_lost=20, max_lost_frames=4, rejoin={"by_motion_alone": True}), "xxxxxx" + "-" * 40)
    assert _events(told)[-1] == (41, "ended")


@pytest.mark.parametrize(("patience", "unseen", "alive"), [(0.0, 1, 0), (0.45, 4, 1), (0.45, 5, 0), (1.0, 10, 1), (1.0, 11, 0)])
def test_an_unconfirmed_track_is_forgotten_after_so_many_seconds(patience: float, unseen: int, alive: int) -> None:
    """0: as soon as it is missed, as in the literature."""
    tracker = _tracker(max_unconfirmed_lost=patience)
    told = _play(tracker, "x" + "-" * unseen)
    assert len(tracker) == alive
    assert _events(told) == [(0, "started")], "in silence"
    assert (told[-1].pending is not None) is bool(alive)


def test_a_longer_gap_between_frames_than_a_track_waits_ends_it() -> None:
    """Also where it was seen in the frame before."""
    tracker = _tracker(max_lost=2)
    told = [tracker.update(SEEN, to_instant(time)) for time in (0, 0.1, 0.2, 3600, 3600.1)]
    assert (told[3].ended, told[3].started) == ((1,), (2,))
    assert told[4].ids.tolist() == [2]


@pytest.mark.parametrize("output", ["detector", "filtered"])
def test_either_the_detectors_box_or_the_filters_is_told(output: str) -> None:
    random = np.random.default_rng(0)
    tracker = _tracker(output_box=output, confirm_hits=1)
    peer: TextbookFilter | None = None
    for number in range(30):
        seen = np.array(BOX, np.float32) + 3 * number * np.array([1, 0, 1, 0]) + random.normal(0, 2, 4).astype(np.float32)
        tracks = tracker.update(detections([seen]), to_instant(number / 10))
        x1, y1, x2, y2 = seen
        measured = np.array([(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / (y2 - y1), y2 - y1])
        if peer is None:
            peer = TextbookFilter(measured)
        else:
            peer.predict(0.1)
            peer.update(measured)
        x, y, aspect, height = peer.mean[:4]
        half = np.array([aspect * height, height]) / 2
        filtered = [[x - half[0], y - half[1], x + half[0], y + half[1]]]
        np.testing.assert_allclose(tracks.boxes, [seen] if output == "detector" else filtered, atol=1e-3)


@pytest.mark.parametrize(("size", "right"), [((640, 480), 640.0), (None, 648.0)])
def test_the_filters_box_is_cut_at_the_border(size: tuple[int, int] | None, right: float) -> None:
    tracker = _tracker(size, output_box="filtered", confirm_hits=1)
    for number in range(4):
        tracks = tracker.update(detections([[588, -4, 648, 36]]), to_instant(number / 10))
    assert tracks.boxes.dtype == np.float32
    np.testing.assert_allclose(tracks.boxes, [[588, 0 if size else -4, right, 36]], atol=1e-4)


def test_quality_is_mean_score_times_the_share_of_frames_with_it() -> None:
    tracker = _tracker(confirm_hits=1)
    scores = [0.9, 0.5, None, 0.8, None, None, 0.6]
    told = [
        tracker.update(UNSEEN if score is None else detections([BOX], score), to_instant(number / 10))
        for number, score in enumerate(scores)
    ]
    assert [float(tracks.qualities[0]) for tracks in told if len(tracks)] == pytest.approx(
        [0.9 / 1, 1.4 / 2, 2.2 / 4, 2.8 / 7], abs=1e-6
    )


def test_ids_go_on_where_the_tracker_before_stopped() -> None:
    first = _tracker(confirm_hits=1)
    first.update(detections([BOX, [300, 100, 360, 140]]), 0)
    second = Tracker(TrackingSettings(confirm_hits=1), first_id=first.next_id)
    assert second.update(SEEN, 0).ids.tolist() == [3]


def test_two_trackers_share_nothing() -> None:
    """Interleaved, each tells what it tells alone."""
    random = np.random.default_rng(0)
    corner = random.uniform(0, 400, (2, 12, 6, 2))
    scenes = [[np.hstack((frame, frame + 50)) for frame in scene] for scene in corner]
    settings = TrackingSettings(confirm_hits=1, rejoin=RejoinSettings(by_motion_alone=True))

    def tell(tracker: Tracker, scene: list[np.ndarray], number: int) -> tuple[Any, ...]:
        tracks = tracker.update(detections(scene[number]), to_instant(number / 10))
        return tracks.ids.tolist(), tracks.velocities.tolist(), tracks.lost, tracks.found, tracks.ended

    alone = [
        [tell(tracker, scene, number) for number in range(12)] for tracker, scene in ((Tracker(settings), s) for s in scenes)
    ]
    pair = Tracker(settings), Tracker(settings)
    together = [[tell(tracker, scene, number) for tracker, scene in zip(pair, scenes, strict=True)] for number in range(12)]
    assert [*map(list, zip(*together, strict=True))] == alone
