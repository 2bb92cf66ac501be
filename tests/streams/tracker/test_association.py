"""Which detection continues which track, and the switches that decide it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from streams.tracker import Tracker
from tests.support.textbook_filter import TextbookFilter
from tests.support.tracking import detections, plain_iou
from throughline.settings import TrackingSettings
from throughline.times import to_instant
from throughline.types import Detections

STEP = to_instant(0.1)
BOX = [100.0, 100, 160, 140]
FRONT, SIDE, OTHER = np.eye(3, dtype=np.float32)


def _moved(x: float = 0.0, y: float = 0.0, box: Sequence[float] = BOX) -> list[float]:
    return [box[0] + x, box[1] + y, box[2] + x, box[3] + y]


def _tracker(**changes: Any) -> Tracker:
    return Tracker(TrackingSettings.model_validate({"confirm_hits": 1, "max_hidden": 0, **changes}))


def _standing(tracker: Tracker, seen: Detections, frames: int = 20) -> None:
    for number in range(frames):
        tracker.update(seen, number * STEP)


def _near_look(look: np.ndarray, distance: float) -> np.ndarray:
    """A look at a given cosine distance from another."""
    aside = OTHER if look is not OTHER else FRONT
    near: np.ndarray = (1 - distance) * look + np.sqrt(1 - (1 - distance) ** 2) * aside
    return near


class TestGate:
    """How far a detection may be from where the filter expects the track."""

    def _reach(self, squared: float) -> float:
        """How many pixels aside a vehicle that stood for 20 frames is at that squared Mahalanobis distance."""
        peer = TextbookFilter(np.array([130.0, 120, 1.5, 40]))
        for _ in range(19):
            peer.predict(0.1)
            peer.update(np.array([130.0, 120, 1.5, 40]))
        peer.predict(0.1)
        reach: float = np.sqrt(squared * peer.expected_spread()[0, 0])
        assert peer.squared_distance(np.array([130.0 + reach, 120, 1.5, 40]), 4) == pytest.approx(squared)
        return reach

    @pytest.mark.parametrize(("gate", "quantile"), [("place", 5.9915), ("full", 9.4877)])
    def test_lets_pass_what_is_within_the_quantile_of_chi_square(self, gate: str, quantile: float) -> None:
        for share, same in ((0.99, True), (1.01, False)):
            tracker = _tracker(gate=gate)
            _standing(tracker, detections([BOX]))
            tracks = tracker.update(detections([_moved(share * self._reach(quantile))]), 20 * STEP)
            assert (tracks.ids.tolist() == [1]) is same

    @pytest.mark.parametrize(("gate", "coordinates"), [("place", 2), ("full", 4)])
    def test_lets_pass_the_share_of_true_continuations_that_was_asked_for(self, gate: str, coordinates: int) -> None:
        reach = self._reach(float(chi2.ppf(0.5, coordinates)))
        for share, same in ((0.98, True), (1.02, False)):
            tracker = _tracker(gate=gate, gate_probability=0.5)
            _standing(tracker, detections([BOX]))
            assert (tracker.update(detections([_moved(share * reach)]), 20 * STEP).ids.tolist() == [1]) is same

    @pytest.mark.parametrize(("gate", "same"), [("off", True), ("place", False), ("full", False)])
    def test_off_leaves_it_to_overlap(self, gate: str, same: bool) -> None:
        tracker = _tracker(gate=gate)
        _standing(tracker, detections([BOX]))
        tracks = tracker.update(detections([_moved(25)]), 20 * STEP)  # overlap 0.41
        assert (tracks.ids.tolist() == [1]) is same

    @pytest.mark.parametrize(("gate", "same"), [("off", True), ("place", True), ("full", False)])
    def test_only_the_full_one_minds_the_shape(self, gate: str, same: bool) -> None:
        tracker = _tracker(gate=gate)
        _standing(tracker, detections([BOX]))
        tracks = tracker.update(detections([[85, 90, 175, 150]]), 20 * STEP)  # half as large again, in the same place
        assert (tracks.ids.tolist() == [1]) is same

    @pytest.mark.parametrize(("gate", "same"), [("off", True), ("place", False)])
    def test_holds_for_weak_detections_too(self, gate: str, same: bool) -> None:
        tracker = _tracker(gate=gate)
        _standing(tracker, detections([BOX]))
        tracks = tracker.update(detections([_moved(22)], 0.2), 20 * STEP)  # overlap 0.46
        assert (tracks.ids.tolist() == [1]) is same


class TestCascade:
    """Whether tracks that were seen more recently choose first."""

    @pytest.mark.parametrize(("cascade", "continued"), [(False, 1), (True, 2)])
    def test_a_track_that_was_just_seen_goes_before_one_that_fits_better(self, cascade: bool, continued: int) -> None:
        """Two stand half behind each other; the first is missed for a while, then one is seen that is nearer to the first."""
        tracker = _tracker(cascade=cascade)
        _standing(tracker, detections([BOX, _moved(30)], [0.9, 0.8]))
        for number in range(20, 23):
            assert tracker.update(detections([_moved(30)]), number * STEP).ids.tolist() == [2]
        assert tracker.update(detections([_moved(10)]), 23 * STEP).ids.tolist() == [continued]

    @pytest.mark.parametrize("cascade", [False, True])
    def test_changes_nothing_where_all_were_seen(self, cascade: bool) -> None:
        tracker = _tracker(cascade=cascade)
        _standing(tracker, detections([BOX, _moved(30)], [0.9, 0.8]))
        tracks = tracker.update(detections([_moved(10)]), 20 * STEP)
        assert tracks.ids.tolist() == [1]


class TestLooks:
    """Appearance before place, where it is switched on."""

    def _after_changing_places(self, looks: Sequence[np.ndarray], **changes: Any) -> list[int]:
        """Two that stand beside each other are out of sight for a second, and have changed places then: their ids by place."""
        tracker = _tracker(**changes)
        _standing(tracker, detections([BOX, _moved(45)], [0.9, 0.8], looks=[FRONT, SIDE]))
        for number in range(20, 30):
            tracker.update(Detections.empty(), number * STEP)
        tracks = tracker.update(detections([_moved(45), BOX], [0.9, 0.8], looks=looks), 30 * STEP)
        return [int(tracks.ids[index]) for index in np.argsort(tracks.boxes[:, 0])]

    def test_hold_tracks_together_where_places_mislead(self) -> None:
        assert self._after_changing_places([FRONT, SIDE]) == [1, 2], "off"
        assert self._after_changing_places([FRONT, SIDE], appearance={"enabled": True}) == [2, 1]

    @pytest.mark.parametrize(("distance", "ids"), [(0.19, [2, 1]), (0.21, [1, 2])])
    def test_beyond_the_largest_distance_places_decide(self, distance: float, ids: list[int]) -> None:
        """0.2, as in the literature."""
        looks = [_near_look(FRONT, distance), _near_look(SIDE, distance)]
        assert self._after_changing_places(looks, appearance={"enabled": True}) == ids

    def test_the_largest_distance_can_be_set(self) -> None:
        looks = [_near_look(FRONT, 0.3), _near_look(SIDE, 0.3)]
        assert self._after_changing_places(looks, appearance={"enabled": True, "max_distance": 0.35}) == [2, 1]

    def test_unknown_looks_leave_it_to_places(self) -> None:
        unknown = np.full(3, np.nan, np.float32)
        assert self._after_changing_places([unknown, unknown], appearance={"enabled": True}) == [1, 2]

    def test_any_of_the_stored_looks_counts(self) -> None:
        """A vehicle that turned: seen from the front, then from the side, then from the front again."""
        tracker = _tracker(appearance={"enabled": True}, iou_first=1.0)  # so that looks alone continue it
        numbers = []
        for number, look in enumerate([FRONT, FRONT, _near_look(FRONT, 0.15), SIDE, FRONT]):
            tracks = tracker.update(detections([_moved(2 * number)], looks=[look]), number * STEP)
            numbers += tracks.ids.tolist()
        assert numbers == [1, 1, 1, 2, 1]

    def test_alike_vehicles_elsewhere_are_other_vehicles(self) -> None:
        """Also without a gate on overlap, a look counts only where the track may be."""
        tracker = _tracker(appearance={"enabled": True}, gate="off")
        _standing(tracker, detections([BOX], looks=[FRONT]))
        tracks = tracker.update(detections([_moved(150)], looks=[FRONT]), 20 * STEP)
        assert tracks.ids.tolist() == [2]

    def test_a_tentative_track_is_continued_by_place_only(self) -> None:
        """Its looks count from its confirmation on."""
        tracker = _tracker(appearance={"enabled": True}, confirm_hits=3, iou_first=1.0)
        for number in range(4):
            tracker.update(detections([_moved(2 * number)], looks=[FRONT]), number * STEP)
        assert tracker.next_id == 5

    def test_weak_detections_are_continued_by_place_only(self) -> None:
        tracker = _tracker(appearance={"enabled": True}, iou_second=0.9)
        _standing(tracker, detections([BOX], looks=[FRONT]))
        tracks = tracker.update(detections([_moved(5)], 0.2, looks=[FRONT]), 20 * STEP)
        assert len(tracks) == 0

    @pytest.mark.parametrize(("cascade", "continued"), [(False, 1), (True, 2)])
    def test_the_cascade_orders_looks_too(self, cascade: bool, continued: int) -> None:
        tracker = _tracker(cascade=cascade, appearance={"enabled": True}, iou_first=1.0)
        _standing(tracker, detections([BOX, _moved(16)], [0.9, 0.8], looks=[FRONT, _near_look(FRONT, 0.15)]))
        for number in range(20, 23):
            tracker.update(detections([_moved(16)], looks=[_near_look(FRONT, 0.15)]), number * STEP)
        tracks = tracker.update(detections([_moved(8)], looks=[FRONT]), 23 * STEP)
        assert tracks.ids.tolist() == [continued]


class TestOverlap:
    """The stage that looks at boxes only."""

    @pytest.mark.parametrize("least", [0.3, 0.5])
    @pytest.mark.parametrize(("score", "setting"), [(0.9, "iou_first"), (0.2, "iou_second")])
    def test_must_reach_what_was_asked_for(self, least: float, score: float, setting: str) -> None:
        """0.3 is the 0.7 that DeepSORT allows of 1 - IoU."""
        for overlap, same in ((least + 0.02, True), (least - 0.02, False)):
            tracker = _tracker(**{setting: least})
            _standing(tracker, detections([BOX]))
            aside = 60 * (1 - overlap) / (1 + overlap)
            tracks = tracker.update(detections([_moved(aside)], score), 20 * STEP)
            assert (tracks.ids.tolist() == [1]) is same

    def test_one_that_fits_beats_two_that_hardly_do(self) -> None:
        """The second track's vehicle is gone. Were overlaps just added up, both would be continued, each by a wrong one."""
        tracker = _tracker()
        _standing(tracker, detections([BOX, _moved(44)], [0.9, 0.8]))
        seen = [_moved(12), _moved(-30)]  # an overlap of 0.67, or two of 0.3
        tracks = tracker.update(detections(seen, 0.9), 20 * STEP)
        assert tracks.boxes[tracks.ids.tolist().index(1)].tolist() == _moved(12)

    def test_takes_what_looks_have_left(self) -> None:
        """One continues by looks; the other, which looks new, by its place."""
        tracker = _tracker(appearance={"enabled": True})
        _standing(tracker, detections([BOX, _moved(0, 60)], [0.9, 0.8], looks=[FRONT, SIDE]))
        tracks = tracker.update(detections([_moved(3), _moved(3, 60)], [0.9, 0.8], looks=[FRONT, OTHER]), 20 * STEP)
        assert tracks.ids.tolist() == [1, 2]

    def test_confident_detections_go_before_weak_ones_that_fit_better(self) -> None:
        tracker = _tracker(high_confidence=0.5, new_track_confidence=0.5)
        _standing(tracker, detections([BOX]))
        tracks = tracker.update(detections([BOX, _moved(22)], [0.49, 0.5]), 20 * STEP)
        assert tracks.detections.tolist() == [1]

    def test_a_weak_detection_continues_no_tentative_track(self) -> None:
        tracker = _tracker(confirm_hits=2)
        tracker.update(detections([BOX]), 0)
        assert len(tracker.update(detections([BOX], 0.2), STEP)) == 0


class TestSuppression:
    """One vehicle that the detector found twice."""

    def _single(self, boxes: Sequence[Sequence[float]], scores: object, classes: object = 0, **changes: Any) -> list[int]:
        changes = {"nms_iou": 0.65, "new_track_overlap": 1.0, **changes}
        tracks = _tracker(**changes).update(detections(boxes, scores, classes), 0)
        assert tracks.dropped.get("overlap", 0) == len(boxes) - len(tracks)
        return sorted(tracks.detections.tolist())

    def test_one_vehicle_found_twice_counts_once(self) -> None:
        boxes = [[0, 0, 100, 100], [5, 0, 105, 100], [200, 0, 300, 100], [203, 2, 303, 102], [400, 0, 500, 100]]
        boxes.append([418, 0, 518, 100])
        classes = [0, 0, 0, 3, 0, 3]  # the second pair is a car that is also called a truck; the third may be two vehicles
        assert self._single(boxes, [0.6, 0.8, 0.9, 0.7, 0.9, 0.8], classes) == [1, 2, 4, 5]

    def test_boxes_of_one_type_may_overlap_less_than_those_of_two(self) -> None:
        boxes = [[0, 0, 100, 100], [18, 0, 118, 100]]  # overlap 0.69
        assert self._single(boxes, [0.9, 0.8], [0, 0]) == [0]
        assert self._single(boxes, [0.9, 0.8], [0, 3]) == [0, 1]
        assert self._single(boxes, [0.9, 0.8], [0, 0], nms_iou=0.7) == [0, 1]

    def test_a_chain_of_overlaps_loses_only_what_a_kept_box_hides(self) -> None:
        assert self._single([[0, 0, 100, 100], [15, 0, 115, 100], [30, 0, 130, 100]], [0.9, 0.8, 0.7]) == [0, 2]

    def test_can_be_switched_off(self) -> None:
        assert self._single([[0, 0, 100, 100]] * 2, [0.9, 0.8], nms_iou=1) == [0, 1]

    @pytest.mark.parametrize("limit", [0.3, 0.65, 0.95])
    def test_equals_going_through_them_one_by_one(self, limit: float) -> None:
        random = np.random.default_rng(0)
        corner = random.uniform(0, 250, (80, 2))
        boxes = np.hstack((corner, corner + random.uniform(40, 90, (80, 2)))).astype(np.float32)
        boxes[40:] = boxes[:40] + np.linspace(0, 6, 40, dtype=np.float32)[:, None] * random.normal(0, 1, (40, 4)).astype(
            np.float32
        )
        scores, classes = random.permutation(np.linspace(0.4, 0.9, 80)), random.integers(0, 2, 80)
        kept: list[int] = []
        for index in np.argsort(-scores).tolist():
            overlaps = [(plain_iou(boxes[index], boxes[other]), classes[index] == classes[other]) for other in kept]
            if not any(overlap > (limit if same else max(limit, 0.8)) for overlap, same in overlaps):
                kept.append(index)
        assert 0 < len(kept) < 80
        assert self._single(boxes.tolist(), scores, classes, nms_iou=limit) == sorted(kept)
