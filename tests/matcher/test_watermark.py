from __future__ import annotations

from matcher.watermark import Watermark
from throughline.messages import Progress

SECOND = 1_000_000


def report(watermark: Watermark, camera: str, seconds: float, *, end: bool = False) -> int | None:
    return watermark.advance(Progress("test", camera, round(seconds * SECOND), end_of_stream=end))


def test_the_slowest_camera_within_the_allowance_counts() -> None:
    watermark = Watermark(10.0)
    assert report(watermark, "a", 100) == 100 * SECOND
    assert report(watermark, "b", 95) == 100 * SECOND, "it never goes back"
    assert report(watermark, "a", 104) == 100 * SECOND
    assert report(watermark, "b", 103) == 103 * SECOND
    assert watermark.foremost == 104 * SECOND


def test_a_camera_beyond_the_allowance_is_not_waited_for_until_it_has_caught_up() -> None:
    watermark = Watermark(10.0)
    report(watermark, "a", 100)
    report(watermark, "b", 100)
    assert report(watermark, "a", 110) == 100 * SECOND
    behind = [watermark.left_behind("b")]
    assert report(watermark, "a", 111) == 111 * SECOND
    behind.append(watermark.left_behind("b"))
    assert report(watermark, "b", 108) == 111 * SECOND
    assert [*behind, watermark.left_behind("b")] == [False, True, False]
    assert report(watermark, "a", 115) == 111 * SECOND
    assert report(watermark, "b", 113) == 113 * SECOND


def test_ended_cameras_are_not_waited_for_and_may_come_back() -> None:
    watermark = Watermark(10.0)
    report(watermark, "a", 100)
    report(watermark, "b", 98)
    assert report(watermark, "b", 99, end=True) == 100 * SECOND
    assert watermark.left_behind("b")
    ended = [watermark.all_ended]
    report(watermark, "a", 101, end=True)
    ended.append(watermark.all_ended)
    assert report(watermark, "b", 105) == 105 * SECOND
    assert [*ended, watermark.all_ended] == [False, True, False]


def test_reports_that_arrive_out_of_order_do_no_harm() -> None:
    watermark = Watermark(10.0)
    report(watermark, "a", 100)
    assert report(watermark, "a", 98) == 100 * SECOND
    assert watermark.left_behind("never heard of")
