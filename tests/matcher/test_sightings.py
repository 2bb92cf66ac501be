from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from matcher.readings import Readings
from matcher.sightings import look
from matcher.table import SightingTable
from matcher.topology import Topology
from tests.support.traffic import chain_site, tracklet, vector
from throughline.messages import BestShot, UnreadableMessageError
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS

RED, FRONT = {"red": 1.0}, {"front": 1.0}


def test_what_a_revision_leaves_out_has_not_changed() -> None:
    shot = BestShot("a.jpg", 0, 0.5)
    whole = tracklet("c1", 0, 1, look=np.ones(4), types={"car": 1.0}, colour=RED, orientation=FRONT, state="opened")
    first = look(msgspec.structs.replace(whole, best_shot=shot))
    bare = look(tracklet("c1", 0, 2, revision=1, state="updated")).after(first)
    assert bare.colour == vector(VEHICLE_COLOURS, RED)
    assert bare.orientation == vector(ORIENTATIONS, FRONT)
    assert (bare.types, bare.models, bare.best_shot) == (first.types, first.models, shot)
    full = tracklet("c1", 0, 2, look=np.ones(4), types={"car": 1.0}, colour={"blue": 1.0}, revision=1)
    partly = look(msgspec.structs.replace(full, best_shot=shot)).after(first)
    assert partly.colour == vector(VEHICLE_COLOURS, {"blue": 1.0})
    assert partly.orientation == vector(ORIENTATIONS, FRONT), "all else is said anew"


@pytest.mark.parametrize("values", [(1.0,), (1.0,) * 7, (math.nan,) * 8, (-0.1,) * 8, (1.5,) + (0.0,) * 7])
def test_orientations_that_are_no_probabilities_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(UnreadableMessageError, match="orientation"):
        look(msgspec.structs.replace(tracklet("c1", 0, 1), orientation=values))


def test_a_table_keeps_what_is_said_as_it_grows_and_forgets_it_with_the_slot() -> None:
    site = chain_site(2)
    table = SightingTable(Topology(site), Readings.of(site))
    slots = [
        table.add(look(tracklet("c1", k, k + 1, name=f"t{k}", orientation={ORIENTATIONS[k % 8]: 1.0} if k % 3 else None)))
        for k in range(600)
    ]
    assert table.orientations.users == 400
    for k, slot in enumerate(slots):
        assert table.orientations.known[slot] == bool(k % 3)
        if k % 3:
            assert table.orientations.values[slot].tolist() == [float(side == k % 8) for side in range(8)]
    for slot in slots:
        table.free(slot)
    assert table.orientations.users == 0
    assert not table.orientations.known.any()


def test_a_later_revision_may_say_otherwise() -> None:
    site = chain_site(2)
    table = SightingTable(Topology(site))
    first = look(tracklet("c1", 0, 1, colour=RED))
    slot = table.add(first)
    table.change(slot, look(tracklet("c1", 0, 1, colour={"blue": 1.0}, revision=1)).after(first))
    assert VEHICLE_COLOURS[int(table.colours.values[slot].argmax())] == "blue"
    assert table.colours.users == 1
