"""A matcher that is written and read goes on as if nothing had happened."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from matcher import Matcher
from matcher.state import StateError, origin_of, packed_state_of, restored, restored_from_packed, state_of
from matcher.state.core import classes
from matcher.state.encoding import decode, encode
from tests.support.traffic import chain_site, drive, streamed
from throughline.messages import Correction, Embedding, MatcherRecord, Tracklet, Watch, encode_json, encode_record
from throughline.settings import Site
from throughline.times import after
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS

MATCHING = (
    "",
    "horizon: 30, confirm_after: 8, lateness: 3, merged_types: [[bus, truck]]",
    "max_tracklets: 100, decision_window: 0",
    "confirm_margin: 3",
)


@cache
def city(matching: int, seed: int) -> tuple[Site, tuple[MatcherRecord, ...]]:
    """Traffic with corrections, vehicles that are looked for, and views of two networks, some out of order."""
    rng = np.random.default_rng(seed)
    site = chain_site(3, MATCHING[matching])
    seen = drive(site, 16, seed=seed, every=4.0)
    records: list[MatcherRecord] = []
    for record in streamed(site, seen, step=2.0):
        if isinstance(record, Tracklet) and rng.random() < 0.3:
            views = record.embeddings[0].vector()
            exemplars = np.stack([views, -views])
            more = Embedding.of("other", "1" * 16, views[:32] / np.linalg.norm(views[:32]))
            record = msgspec.structs.replace(
                record, embeddings=(Embedding.of("test", "0" * 16, views, exemplars), more), types={"car": 0.7, "truck": 0.3}
            )
        if isinstance(record, Tracklet) and rng.random() < 0.4:
            colour = tuple(rng.dirichlet(np.full(len(VEHICLE_COLOURS), 0.2)).tolist())
            orientation = tuple(rng.dirichlet(np.full(len(ORIENTATIONS), 0.1)).tolist())
            record = msgspec.structs.replace(record, attributes={"colour": colour}, orientation=orientation)
        place = len(records) - int(rng.integers(0, 4)) if rng.random() < 0.1 else len(records)
        records.insert(max(0, place), record)
        if rng.random() < 0.04:
            one, other = rng.choice(len(seen), 2, replace=False)
            ids = seen[one].tracklet, seen[other].tracklet
            at = max(one.end for one in ids)
            records.append(Correction(site.site, at, ids[0].tracklet, ids[1].tracklet, same=bool(rng.random() < 0.5)))
        if rng.random() < 0.03:
            wanted = seen[int(rng.integers(len(seen)))].tracklet
            records.append(Watch(site.site, wanted.start, f"w{rng.integers(3)}", wanted.embeddings, after(wanted.end, 60)))
    return site, tuple(records)


def lines(matcher: Matcher, records: tuple[MatcherRecord, ...]) -> list[bytes]:
    return [encode_json(event) for record in records for event in matcher.process(record)]


@cache
def whole(matching: int, seed: int) -> tuple[list[bytes], bytes]:
    site, records = city(matching, seed)
    matcher = Matcher(site)
    return lines(matcher, records), state_of(matcher)


@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(MATCHING) - 1), st.integers(0, 2), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3))
def test_wherever_it_is_cut_the_rest_is_the_same(matching: int, seed: int, cuts: list[float]) -> None:
    site, records = city(matching, seed)
    matcher, events, done = Matcher(site), [], 0
    for cut in sorted(cuts):
        until = round(cut * len(records))
        events += lines(matcher, records[done:until])
        done = until
        state = state_of(matcher)
        matcher = restored(site, state)
        assert state_of(matcher) == state, "what was read is what was written"
    events += lines(matcher, records[done:])
    expected, end = whole(matching, seed)
    assert events == expected
    assert state_of(matcher) == end


def test_there_is_something_to_cut() -> None:
    for matching in range(len(MATCHING)):
        events, _ = whole(matching, 0)
        kinds = {json.loads(event)["kind"] for event in events}
        assert {"provisional", "confirmed", "new", "watchlist"} <= kinds, matching
        terms = {part["term"] for event in events for part in json.loads(event)["evidence"]}
        assert {"appearance", "vehicle_type", "colour", "orientation"} <= terms, matching


def test_taking_the_state_changes_nothing() -> None:
    site, records = city(0, 1)
    matcher = Matcher(site)
    events = []
    for place, record in enumerate(records):
        if place % 50 == 0:
            state_of(matcher)
        events += lines(matcher, (record,))
    assert events == whole(0, 1)[0]


OTHER_PROCESS = """
import base64, json, sys
from matcher.state import restored, state_of
from throughline.messages import decode_record, encode_json
from throughline.settings import parse_site
site, state, records = json.load(sys.stdin)
matcher = restored(parse_site(site), base64.b64decode(state))
events = [encode_json(event).decode() for record in records for event in matcher.process(decode_record(base64.b64decode(record)))]
print(json.dumps([events, base64.b64encode(state_of(matcher)).decode()]))
"""


@pytest.mark.parametrize("hash_seed", ["1", "977"])
def test_another_process_with_other_hashes_goes_on_the_same(hash_seed: str) -> None:
    from throughline.settings.site import dump_site

    site, records = city(1, 3)
    matcher, half = Matcher(site), len(records) // 2
    before = lines(matcher, records[:half])
    asked = [
        dump_site(site),
        base64.b64encode(state_of(matcher)).decode(),
        [base64.b64encode(encode_record(record)).decode() for record in records[half:]],
    ]
    answer = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    events, state = json.loads(answer.stdout)
    expected, end = whole(1, 3)
    assert before + [event.encode() for event in events] == expected
    assert base64.b64decode(state) == end


def test_compression_is_undone() -> None:
    site, records = city(0, 0)
    matcher = Matcher(site)
    lines(matcher, records)
    packed = packed_state_of(matcher)
    assert len(packed) < 0.8 * len(state_of(matcher))
    assert state_of(restored_from_packed(site, packed)) == state_of(matcher)
    with pytest.raises(StateError, match="damaged"):
        restored_from_packed(site, b"rubbish")


@pytest.mark.parametrize("cut", [0, 1, 7, 100])
def test_damaged_states_are_refused(cut: int) -> None:
    with pytest.raises(StateError):
        restored(chain_site(3), whole(0, 0)[1][:cut])


def test_nothing_but_the_core_s_classes_is_made() -> None:
    class Stranger:
        pass

    with pytest.raises(StateError, match="Stranger"):
        encode([Stranger()], classes(), {})
    with pytest.raises(StateError, match="Stranger"):
        decode(encode([Stranger()], {"a.Stranger": Stranger}, {}), classes(), {})
    with pytest.raises(StateError, match=r"builtins\.function"):
        encode({"a": lambda: None}, classes(), {})
    with pytest.raises(StateError, match="not of a matcher"):
        restored(chain_site(3), encode([1], classes(), {}))


def test_what_was_one_object_is_one_again_and_numbers_keep_their_bits() -> None:
    shared: list[object] = [float("nan"), float("inf"), -0.0, 2**60]
    graph = {
        "a": shared,
        "b": [shared, (1, shared), {3, 1, 2}],
        "zeros": np.zeros((5000, 3), np.float32),
        "on grid": np.arange(-6, 6, dtype=np.float32).reshape(3, 4) / 2048,
        "off grid": np.array([0.1, np.nan, 1e30], np.float32),
        "wide": np.array([2**62, -1]),
        "scalar": np.float64(0.1),
        "flags": np.array([True, False]),
        "empty": np.zeros((0, 4), np.float32),
    }
    found = decode(encode(graph, {}, {}), {}, {})
    assert found["a"] is found["b"][0] is found["b"][1][1]
    assert repr(found["a"]) == repr(shared)
    assert type(found["scalar"]) is np.float64
    for name in ("zeros", "on grid", "off grid", "wide", "flags", "empty"):
        np.testing.assert_array_equal(found[name], graph[name], strict=True)
        assert found[name].flags.writeable
    assert list(found) == list(graph)


def test_the_origin_tells_other_settings_apart() -> None:
    assert origin_of(chain_site(3)) == origin_of(chain_site(3))
    assert origin_of(chain_site(3)) != origin_of(chain_site(3, "horizon: 31"))
