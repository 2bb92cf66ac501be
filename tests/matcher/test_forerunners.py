from __future__ import annotations

import pytest

from benchmarks._city import City, CityPlan
from matcher import Matcher
from matcher.forerunners import Group
from matcher.vehicles import COMPARED, Vehicle
from throughline.messages import decode_record


@pytest.mark.parametrize("overlap", [0.0, 3.0])
def test_many_at_once_find_what_each_finds_by_itself(overlap: float) -> None:
    city = City(CityPlan(cameras=6, in_view=6.0, travel=(8.0, 15.0), overlap=overlap, dimension=16, identity=0.6, seed=5))
    matcher = Matcher(city.site)
    provisional = matcher._provisional
    groups = vehicles = 0
    for number, message in enumerate(city.messages(70)):
        matcher.process(decode_record(message.value))
        if number % 500 or message.second < 20:
            continue
        slots = list(provisional.gallery._slots.values())[-60:]
        blocks = [provisional._block(matcher.scorer.table.at(slot)) for slot in slots]
        found = provisional._forerunners.of(slots, blocks)
        for place, (slot, block) in enumerate(zip(slots, blocks, strict=True)):
            mine = found.row == place
            lefts = found.lefts[mine].tolist()
            got = {
                provisional._forerunners.group(key): {left for left in row if left >= 0}
                for key, row in zip(found.key[mine].tolist(), lefts, strict=True)
            }
            wanted = _plainly(matcher, slot, block)
            assert got == wanted
            groups += len(got)
            vehicles += sum(isinstance(group, Vehicle) for group in got)
    assert vehicles > 100
    assert groups - vehicles > 20


def _plainly(matcher: Matcher, slot: int, block: list[int]) -> dict[Group, set[int]]:
    provisional, resolver, table = matcher._provisional, matcher._resolver, matcher.scorer.table
    seen: dict[Group, list[int]] = {}
    for other in provisional.gallery.before(slot):
        if table.start[other] >= table.start[slot] or other in block or other == slot:
            continue
        tracklet = table.at(other).id
        vehicle = resolver.vehicle_of(tracklet)
        if vehicle is not None:
            seen.setdefault(vehicle, [])
        else:
            seen.setdefault(provisional._group_of(tracklet), []).append(other)
    beside = {
        provisional._group_of(guess.joined)
        for other in provisional.gallery.together(slot)
        if other not in block and (guess := provisional._guesses.get(table.at(other).id)) and guess.joined
    }
    result: dict[Group, set[int]] = {}
    for group, slots in seen.items():
        if isinstance(group, Vehicle):
            latest = [provisional.gallery.slot(table.at(member).id) for member in group.members[-COMPARED:]]
            slots = slots + [
                member if now is None else now for member, now in zip(group.members[-COMPARED:], latest, strict=True)
            ]
        kept = {one for one in slots[:COMPARED] if one not in block and one != slot}
        if kept and group not in beside:
            result[group] = kept
    return result
