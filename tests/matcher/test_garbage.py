"""The matcher leaves nothing behind that only the collector of cycles could free: its own process hardly ever looks for any."""

from __future__ import annotations

import gc
import subprocess
import sys

from benchmarks._city import City, CityPlan
from matcher import Matcher
from throughline.messages import decode_record


def test_a_matcher_makes_no_cycles() -> None:
    city = City(CityPlan(cameras=6, in_view=3.0))
    matcher = Matcher(city.site)
    messages = list(city.messages(100))
    gc.collect()
    was = gc.isenabled()
    gc.disable()
    try:
        decided = sum(len(matcher.process(decode_record(message.value))) for message in messages)
        assert gc.collect() == 0
    finally:
        if was:
            gc.enable()
    assert decided > 100


def test_a_process_of_its_own_looks_for_cycles_rarely() -> None:
    code = (
        "import gc; from matcher.deciding import spare_collector; spare_collector();"
        "print(gc.isenabled(), gc.get_freeze_count() > 1000, gc.get_threshold()[0] >= 10_000)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.split() == ["True", "True", "True"]
