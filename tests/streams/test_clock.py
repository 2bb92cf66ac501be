from __future__ import annotations

import random
from itertools import pairwise

import pytest

from streams.clock import CameraClock, Timing
from throughline.settings import ClockSettings
from throughline.times import Instant, after, seconds_between
from throughline.types import ClockSource

NOW: Instant = 1_800_000_000_000_000


def clock(offset: float = 0.0, uncertainty: float = 0.0) -> CameraClock:
    return CameraClock(ClockSettings(offset=offset, uncertainty=uncertainty), future_tolerance=1.0)


def rtcp(at: float, *, delay: float = 0.1, camera_offset: float = 0.0) -> Timing:
    """A picture taken at NOW + ``at`` by the true time, by a camera whose clock is ``camera_offset`` ahead."""
    return Timing(after(NOW, at + delay), at, after(NOW, at + camera_offset), ClockSource.RTCP)


def test_the_cameras_clock_is_believed_and_corrected() -> None:
    stamp = clock(offset=100.25, uncertainty=0.015).stamp(rtcp(0.0, camera_offset=-100.25))
    assert (stamp.captured, stamp.source, stamp.refused, stamp.advances) == (NOW, ClockSource.RTCP, False, True)
    assert stamp.uncertainty == pytest.approx(0.025)


def test_a_time_from_the_future_is_refused_after_correction_only() -> None:
    corrected = clock(offset=-50.0)
    assert not corrected.stamp(rtcp(0.0, camera_offset=50.0)).refused
    stamp = clock().stamp(rtcp(0.0, camera_offset=1.2))
    assert stamp.refused
    assert stamp.source is ClockSource.ARRIVAL
    assert stamp.captured == after(NOW, 0.1)
    assert not clock().stamp(rtcp(0.0, camera_offset=1.0)).refused


def test_the_offset_does_not_move_arrival_times() -> None:
    stamp = clock(offset=100.25).stamp(Timing(NOW))
    assert stamp.captured == NOW
    assert stamp.uncertainty == pytest.approx(0.2)


def test_a_recording_may_lie_ahead_of_the_wall_clock() -> None:
    subject = clock(offset=2.0)
    for second in range(100):
        stamp = subject.stamp(Timing(NOW, float(second), after(NOW, 1000.0 + second), ClockSource.FILE))
        assert stamp.captured == after(NOW, 1002.0 + second)
        assert stamp.source is ClockSource.FILE
        assert not stamp.refused


def test_arrival_times_lose_their_jitter_along_the_streams_own_time_line() -> None:
    subject, noise = clock(), random.Random(3)
    captured = []
    for number in range(200):
        arrival = after(NOW, number / 10 + 0.02 + noise.expovariate(30.0))
        captured.append(subject.stamp(Timing(arrival, 7.0 + number / 10)).captured)
    steps = [seconds_between(a, b) for a, b in pairwise(captured[50:])]
    assert min(steps) > 0.08
    assert max(steps) < 0.12


def test_a_stream_time_line_that_starts_again_is_followed() -> None:
    subject = clock()
    subject.stamp(Timing(NOW, 5000.0))
    stamp = subject.stamp(Timing(after(NOW, 0.1), 0.0))
    assert stamp.advances
    assert stamp.captured == after(NOW, 0.1)


def test_a_slow_camera_clock_is_followed_without_reports() -> None:
    """A stream time line that runs 100 ppm slow must not fall behind arrival for ever."""
    subject = clock()
    stamps = [subject.stamp(Timing(after(NOW, second), second * (1 - 100e-6))).captured for second in range(3600)]
    assert seconds_between(stamps[-1], after(NOW, 3599.0)) < 0.01


def test_the_change_from_arrival_to_the_cameras_clock_never_goes_back() -> None:
    subject = clock()
    last = 0
    dropped = 0
    for number in range(30):
        timing = rtcp(number / 10, delay=0.25)
        if number < 10:
            timing = Timing(timing.arrival, timing.stream_time)
        stamp = subject.stamp(timing)
        if stamp.advances:
            assert stamp.captured > last
            last = stamp.captured
        else:
            dropped += 1
    assert dropped == 2  # the two frames whose place in time was already taken
    assert last == after(NOW, 2.9)


def test_a_camera_clock_far_behind_the_times_already_given_is_refused() -> None:
    subject = clock()
    subject.stamp(Timing(NOW, 0.0))
    stamps = [subject.stamp(rtcp(number / 10, camera_offset=-100.25)) for number in range(1, 20)]
    assert all(stamp.refused and stamp.advances and stamp.source is ClockSource.ARRIVAL for stamp in stamps)


def test_a_new_connection_goes_on_in_the_cameras_time_before_its_first_report() -> None:
    """Also where the camera's clock is far behind, and nobody has said so in the site file."""
    subject = clock()
    for number in range(20):
        last = subject.stamp(rtcp(number / 10, camera_offset=-100.25))
    subject.restart()
    first = subject.stamp(Timing(after(NOW, 5.1), 0.0))
    assert first.source is ClockSource.ARRIVAL
    assert seconds_between(after(NOW, 5.0 - 100.25), first.captured) == pytest.approx(0.0, abs=0.001)
    assert first.captured > last.captured
    reported = subject.stamp(Timing(after(NOW, 5.2), 0.1, after(NOW, 5.1 - 100.25), ClockSource.RTCP))
    assert (reported.advances, reported.refused, reported.source) == (True, False, ClockSource.RTCP)


def test_a_time_that_stands_still_does_not_advance() -> None:
    subject = clock()
    assert subject.stamp(rtcp(0.0)).advances
    assert not subject.stamp(rtcp(0.0)).advances
    assert not subject.stamp(rtcp(-0.5)).advances
    assert subject.stamp(rtcp(0.1)).advances
