"""Faults are read from text, told apart from nonsense, and put into an order."""

from __future__ import annotations

import math

import pytest

from simulation.rtsp.faults import Fault, FaultError, changes, parse_fault, put_in_force


@pytest.mark.parametrize(
    ("text", "camera", "kind", "value", "at", "seconds"),
    [
        ("c01:stall@30+10", "c01", "stall", None, 30.0, 10.0),
        ("c02:jitter=0.2@0+60", "c02", "jitter", 0.2, 0.0, 60.0),
        ("c01:clock_jump=-5@20", "c01", "clock_jump", -5.0, 20.0, None),
        ("c03:resolution=a+b@c.mp4@15", "c03", "resolution", "a+b@c.mp4", 15.0, None),
        ("c03:resolution=other.mp4", "c03", "resolution", "other.mp4", 0.0, None),
        ("*:disconnect", "*", "disconnect", None, 0.0, None),
        (" north gate:reports=garbage@1.5+2 ", "north gate", "reports", "garbage", 1.5, 2.0),
    ],
)
def test_an_order_says_what_where_when_and_how_long(
    text: str, camera: str, kind: str, value: float | str | None, at: float, seconds: float | None
) -> None:
    assert parse_fault(text) == Fault(camera, kind, value, at, seconds, text.strip())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("c01", "expected CAMERA:KIND"),
        (":stall", "expected CAMERA:KIND"),
        ("c01:fire@3", "fire is no kind of fault; there are stall, disconnect, loss"),
        ("c01:stall=3", "stall takes no value"),
        ("c01:loss", "loss needs a value: loss=a share from 0 to 1"),
        ("c01:loss=2", "loss is '2'; expected a share from 0 to 1"),
        ("c01:clock_jump=inf", "clock_jump is 'inf'; expected seconds"),
        ("c01:jitter=much", "jitter is 'much'; expected seconds from 0 to 60"),
        ("c01:reports=late", "reports can be missing, garbage, wrong, not late"),
        ("c01:reports", "reports needs a value: reports=missing|garbage|wrong"),
        ("c01:resolution", "resolution needs a value: resolution=an H.264 file"),
        ("c01:stall@soon", "AT is 'soon'; expected seconds from 0 on"),
        ("c01:stall@1+-1", "FOR is '-1'; expected seconds from 0 on"),
    ],
)
def test_nonsense_is_refused_with_what_was_expected(text: str, complaint: str) -> None:
    with pytest.raises(FaultError) as refused:
        parse_fault(text)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_changes_come_in_the_order_of_time_and_ends_before_beginnings() -> None:
    first, second, short = (parse_fault(text) for text in ("c01:stall@3+2", "c01:stall@5", "c01:loss=1@4+0"))
    told = [(change.at, change.fault, change.begins) for change in changes([second, first, short])]
    assert told == [(3, first, True), (4, short, True), (4, short, False), (5, first, False), (5, second, True)]
    assert second.end == math.inf


def test_the_fault_that_began_last_counts_and_the_one_before_holds_again() -> None:
    long, brief = parse_fault("c01:loss=0.1@0+9"), parse_fault("c01:loss=0.5@2+3")
    active: list[Fault] = []
    held = []
    for change in changes([long, brief]):
        active = put_in_force(active, change)
        held.append(active[-1].value if active else None)
    assert held == [0.1, 0.5, 0.1, None]
