"""Blocking calls of a library, and one that never returns."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from throughline.bus._caller_thread import CallerThread

NEVER = """
import threading
from throughline.bus._caller_thread import CallerThread
CallerThread("stuck").submit(threading.Event().wait)
"""


def test_calls_are_made_in_order_in_one_thread() -> None:
    thread, seen = CallerThread("test"), []
    outcomes = [thread.submit(lambda n: seen.append((n, threading.get_ident())), n) for n in range(20)]
    for outcome in outcomes:
        outcome.result(30)
    assert [number for number, _ in seen] == list(range(20))
    assert len({where for _, where in seen}) == 1


def test_an_error_belongs_to_its_call_and_the_next_goes_on() -> None:
    thread = CallerThread("test")
    with pytest.raises(ZeroDivisionError):
        thread.submit(lambda: 1 / 0).result(30)
    assert thread.submit(max, 1, 2).result(30) == 2


def test_after_shutdown_what_was_given_before_is_done() -> None:
    thread, gate = CallerThread("test"), threading.Event()
    thread.submit(gate.wait, 30)
    last = thread.submit(max, 1, 2)
    thread.shutdown()
    gate.set()
    assert last.result(30) == 2


def test_a_call_that_never_returns_does_not_keep_a_process_from_ending() -> None:
    subprocess.run([sys.executable, "-c", NEVER], check=True, timeout=60)
