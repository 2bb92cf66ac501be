from __future__ import annotations

import numpy as np
import pytest

from streams.tracker import TimeNotAdvancingError, Tracker
from tests.support.tracking import detections
from throughline.settings import TrackingSettings
from throughline.times import to_instant
from throughline.types import Detections, Tracks

STEP = to_instant(0.1)
BOX: list[float] = [100, 100, 160, 140]
NOTHING = Detections.empty()
PLAIN = TrackingSettings(confirm_hits=3, max_lost=2.0)


def _settings(**changes: float) -> TrackingSettings:
    return PLAIN.model_copy(update=changes)


def _shifted(x: float, y: float = 0.0) -> list[float]:
    return [BOX[0] + x, BOX[1] + y, BOX[2] + x, BOX[3] + y]


def _confirmed(tracker: Tracker, speed: float = 0.0, frames: int = 3) -> Tracks:
    for number in range(frames):
        tracks = tracker.update(detections([_shifted(speed * number)]), number * STEP)
    return tracks


def test_a_track_is_shown_once_it_is_confirmed_with_what_was_seen_before() -> None:
    tracker = Tracker(PLAIN)
    first = tracker.update(detections([BOX], 0.8, 3), 0)
    second = tracker.update(detections([_shifted(4)], 0.7, 0), STEP)
    assert (len(first), first.pending, len(second), second.pending) == (0, 0, 0, 0)
    third = tracker.update(detections([_shifted(8)], 0.9, 3), 2 * STEP)
    assert third.ids.tolist() == [1]
    assert third.boxes.tolist() == [_shifted(8)]
    assert third.detections.tolist() == [0]
    assert third.pending is None
    (earlier,) = third.earlier
    assert earlier.id == 1
    assert earlier.times.tolist() == [0, STEP]
    assert earlier.boxes.tolist() == [BOX, _shifted(4)]
    assert earlier.scores.tolist() == pytest.approx([0.8, 0.7])
    assert earlier.classes.tolist() == [3, 0]
    assert tracker.update(detections([_shifted(12)]), 3 * STEP).earlier == ()


def test_one_sighting_may_be_enough() -> None:
    tracks = Tracker(_settings(confirm_hits=1)).update(detections([BOX]), 0)
    assert tracks.ids.tolist() == [1]
    assert tracks.earlier == ()


def test_a_lost_track_is_found_again_within_max_lost_and_ends_after_it() -> None:
    for gap, same in ((1.9, True), (2.2, False)):
        tracker = Tracker(PLAIN)
        _confirmed(tracker)
        again = tracker.update(detections([BOX]), 2 * STEP + to_instant(gap))
        assert (again.ids.tolist() == [1]) is same
        assert (again.ended == (1,)) is not same


def test_ended_tracks_are_told_once_and_their_ids_never_come_again() -> None:
    tracker = Tracker(PLAIN)
    _confirmed(tracker)
    ended = [tracker.update(NOTHING, number * STEP).ended for number in range(3, 40)]
    assert [ids for ids in ended if ids] == [(1,)]
    assert len(tracker) == 0
    for number in range(40, 43):
        tracks = tracker.update(detections([BOX]), number * STEP)
    assert tracks.ids.tolist() == [2]


def test_an_unconfirmed_track_is_forgotten_soon_and_in_silence() -> None:
    tracker = Tracker(PLAIN)
    tracker.update(detections([BOX]), 0)
    ended = [tracker.update(NOTHING, number * STEP).ended for number in range(1, 7)]
    assert ended == [()] * 6
    assert len(tracker) == 0
    assert tracker.earliest_pending is None


def test_a_slow_camera_can_confirm_tracks_too() -> None:
    """At one frame a second every gap is longer than the patience with unconfirmed tracks, but none was missed."""
    tracker = Tracker(PLAIN)
    for number in range(3):
        tracks = tracker.update(detections([BOX]), to_instant(number))
    assert tracks.ids.tolist() == [1]


def test_time_that_does_not_advance_is_refused_and_changes_nothing() -> None:
    tracker, undisturbed = Tracker(PLAIN), Tracker(PLAIN)
    for one in (tracker, undisturbed):
        _confirmed(one, speed=5)
    for captured in (2 * STEP, STEP, -STEP):
        with pytest.raises(TimeNotAdvancingError, match="does not come after"):
            tracker.update(detections([_shifted(500)]), captured)
    after, expected = (one.update(detections([_shifted(15)]), 3 * STEP) for one in (tracker, undisturbed))
    assert after.ids.tolist() == expected.ids.tolist() == [1]
    np.testing.assert_array_equal(after.velocities, expected.velocities)


def test_velocity_is_in_pixels_a_second() -> None:
    tracks = _confirmed(Tracker(PLAIN), speed=6, frames=20)
    np.testing.assert_allclose(tracks.velocities, [[60, 0]], atol=1)


def test_a_weak_detection_continues_a_track_but_starts_none() -> None:
    tracker = Tracker(PLAIN)
    _confirmed(tracker)
    tracks = tracker.update(detections([BOX, _shifted(300)], 0.2), 3 * STEP)
    assert tracks.ids.tolist() == [1]
    assert len(tracker) == 1


def test_a_weak_detection_elsewhere_continues_nothing() -> None:
    tracker = Tracker(PLAIN)
    _confirmed(tracker)
    tracks = tracker.update(detections([_shifted(40)], 0.3), 3 * STEP)  # overlap 0.2
    assert len(tracks) == 0


def test_confident_detections_go_first() -> None:
    tracker = Tracker(PLAIN)
    _confirmed(tracker)
    tracks = tracker.update(detections([BOX, _shifted(18)], [0.3, 0.9]), 3 * STEP)
    assert tracks.detections.tolist() == [1]


def test_a_vehicle_whose_type_flips_stays_one_track() -> None:
    tracker = Tracker(PLAIN)
    for number in range(12):
        twice = number % 4 == 1  # now and then it is found as both
        boxes, classes = ([_shifted(3 * number)] * 2, [0, 3]) if twice else ([_shifted(3 * number)], [3 * (number % 2)])
        tracks = tracker.update(detections(boxes, 0.9, classes), number * STEP)
        if twice:
            assert tracks.dropped == {"overlap": 1}
    assert tracks.ids.tolist() == [1]
    assert len(tracker) == 1


@pytest.mark.parametrize("step", [20, 40, 50])
def test_a_new_vehicle_is_followed_although_its_boxes_hardly_overlap(step: int) -> None:
    """Near the camera at five frames a second: up to five sixths of its length from one frame to the next."""
    tracker = Tracker(PLAIN)
    for number in range(6):
        tracks = tracker.update(detections([[step * number, 100, step * number + 60, 140]]), number * to_instant(0.2))
    assert tracks.ids.tolist() == [1]


def test_a_hidden_parked_vehicle_does_not_catch_one_that_passes() -> None:
    tracker = Tracker(PLAIN, (640, 480))
    for number in range(20):
        tracker.update(detections([BOX]), number * STEP)
    passing = []
    for number in range(20, 34):  # drives by in front, and hides the parked one while it does
        x = -130 + (number - 20) * 25.0
        hidden = -80 < x < 70
        seen = [[100 + x, 112, 190 + x, 172], *([] if hidden else [BOX])]
        passing.append(tracker.update(detections(seen), number * STEP))
    assert {number for tracks in passing for number in tracks.ids.tolist()} == {1, 2}
    assert passing[-1].ids[passing[-1].boxes[:, 0].argmin()] == 1, "the parked one is still itself"


def test_a_lost_track_catches_nobody_who_appears_beside_it() -> None:
    tracker = Tracker(PLAIN)
    _confirmed(tracker, speed=5, frames=6)
    for number in range(6, 16):
        tracker.update(NOTHING, number * STEP)
    for number in range(16, 19):  # the lost one is expected at 80 by now
        tracks = tracker.update(detections([_shifted(145)]), number * STEP)
    assert tracks.ids.tolist() == [2]


def test_a_standing_track_catches_nobody_who_appears_beside_it() -> None:
    """Even at two frames a second, where the place of what moves is uncertain by half a vehicle."""
    tracker = Tracker(PLAIN)
    for number in range(8):
        tracker.update(detections([BOX]), to_instant(0.5 * number))
    for number in range(8, 11):
        tracks = tracker.update(detections([_shifted(62)]), to_instant(0.5 * number))
    assert tracks.ids.tolist() == [2]


def test_a_vehicle_that_came_nearer_does_not_grow_while_it_is_hidden() -> None:
    tracker = Tracker(_settings(iou_first=0.5))

    def near(height: float) -> Detections:
        return detections([[300 - height, 200 - height / 2, 300 + height, 200 + height / 2]])

    for number in range(12):
        tracker.update(near(40 + 8 * number), number * STEP)
    tracker.update(NOTHING, 12 * STEP)
    again = tracker.update(near(128), 27 * STEP)  # it stood
    assert again.ids.tolist() == [1]


def test_a_vehicle_that_left_the_picture_ends_before_max_lost() -> None:
    tracker = Tracker(PLAIN, (640, 480))
    for number in range(10):
        tracker.update(detections([[560 + 8 * number, 100, 620 + 8 * number, 140]]), number * STEP)
    ended = [tracker.update(NOTHING, number * STEP).ended for number in range(10, 30)]
    assert (1,) in ended[:8]


def test_finish_names_the_confirmed_tracks_and_ids_go_on() -> None:
    tracker = Tracker(PLAIN)
    _confirmed(tracker)
    tracker.update(detections([BOX, _shifted(300)]), 3 * STEP)
    assert tracker.finish() == (1,)
    assert len(tracker) == 0
    assert tracker.finish() == ()
    for number in range(4, 7):
        tracks = tracker.update(detections([BOX]), number * STEP)
    assert tracks.ids.tolist() == [3]


def test_pending_is_the_earliest_start_of_what_is_not_confirmed() -> None:
    tracker = Tracker(PLAIN)
    _confirmed(tracker)
    tracker.update(detections([BOX, _shifted(300)]), 3 * STEP)
    tracks = tracker.update(detections([BOX, _shifted(300), _shifted(600)]), 4 * STEP)
    assert tracks.pending == tracker.earliest_pending == 3 * STEP
    tracks = tracker.update(detections([BOX, _shifted(300), _shifted(600)]), 5 * STEP)
    assert tracks.pending == 4 * STEP


def test_no_detections_at_all() -> None:
    tracker = Tracker(PLAIN, (640, 480))
    for number in range(5):
        tracks = tracker.update(NOTHING, number * STEP)
        assert (len(tracks), tracks.ended, tracks.earlier, tracks.dropped) == (0, (), (), {})


@pytest.mark.parametrize(("most", "tracks"), [(0.7, 2), (1.0, 4)])
def test_boxes_around_half_a_vehicle_and_around_two_start_no_tracks(most: float, tracks: int) -> None:
    tracker = Tracker(_settings(confirm_hits=1, new_track_overlap=most))
    car, next_car = [100, 100, 160, 140], [165, 100, 225, 140]
    front, both = [130, 100, 160, 140], [100, 95, 225, 140]
    shown = tracker.update(detections([car, next_car, front, both], [0.9, 0.8, 0.6, 0.5]), 0)
    assert shown.boxes.tolist() == [car, next_car, front, both][:tracks]


def test_a_box_inside_a_better_one_still_continues_its_track() -> None:
    tracker = Tracker(_settings(confirm_hits=1))
    tracker.update(detections([BOX]), 0)
    lorry = [90, 60, 230, 150]
    shown = tracker.update(detections([lorry, BOX], [0.9, 0.5]), STEP)
    assert shown.ids.tolist() == [1, 2]
    assert shown.boxes.tolist() == [BOX, lorry]
