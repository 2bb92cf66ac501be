from __future__ import annotations

import pytest

from benchmarks._city import City, CityPlan
from matcher import Matcher
from matcher.options import Options
from throughline.messages import decode_record


@pytest.mark.parametrize("overlap", [0.0, 3.0])
def test_what_is_remembered_is_what_weighing_again_gives(overlap: float, monkeypatch: pytest.MonkeyPatch) -> None:
    city = City(CityPlan(cameras=6, in_view=4.0, travel=(8.0, 15.0), overlap=overlap, dimension=16, identity=0.6, seed=3))
    matcher = Matcher(city.site)
    resolver, scorer = matcher._resolver, matcher.scorer
    for name in ("closed", "decided", "refresh"):  # what has been learned since is left out of account
        monkeypatch.setattr(resolver._lessons, name, lambda *_: None)
    monkeypatch.setattr(scorer.prior, "observe", lambda *_: None)
    compared = recalled = 0
    for number, message in enumerate(city.messages(75)):
        matcher.process(decode_record(message.value))
        if number % 700 or message.second < 30:
            continue
        over = [slot for slot in resolver.vehicles._of if not scorer.table.open[slot]]  # the end of an open one moves on
        units = [(slot,) for slot in over if resolver._decisions.movable(slot)]
        options = Options(resolver.gallery, resolver.vehicles, resolver._decisions, scorer)
        recalled += sum(slot in resolver._options._remembered._of for (slot,) in units)
        resolver._options.refresh()
        for found, again in zip(resolver._options.of(units), options.of(units), strict=True):
            closed = [vehicle for vehicle in again.options if not any(matcher.scorer.table.open[slot] for slot in vehicle)]
            assert {vehicle: found.options[vehicle] for vehicle in closed} == {v: again.options[v] for v in closed}
            compared += len(closed)
    assert compared > 100
    assert recalled > 50
