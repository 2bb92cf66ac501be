"""Contact sheets of matches, and tables of ablations."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from evaluation.ablation import AblationRow, AblationTable
from evaluation.contact_sheet import FOUND, MISSED
from evaluation.match_sheets import candidates_of_events, candidates_of_traces, chosen_candidates, draw_candidates
from throughline.messages import Comparison, DecisionTrace, MatchEvent, MatchKind, RunnerUp, TrackletRef
from throughline.types import Image

VEHICLES = {"a1": 1, "b1": 1, "a2": 2, "b2": 2, "a3": 3}
CAMERAS = {name: name[0] for name in VEHICLES}


def option(tracklet: str, joined: str, log_odds: float | None, chosen: bool = False) -> Comparison:
    return Comparison((tracklet,), (joined,), log_odds, chosen, joined)


def trace(kind: MatchKind, tracklet: str, *options: Comparison) -> DecisionTrace:
    return DecisionTrace("e", 1, kind, "s", 0, tracklet[0], tracklet, "v", 0.1, 0.9, options=options)


TRACES = [
    trace("provisional", "b1", option("b1", "a3", 9.0, chosen=True)),
    trace(
        "confirmed", "b1",
        option("b1", "a2", -3.0), option("b1", "a1", 5.0, chosen=True), option("b1", "a1", 4.0), option("b1", "a3", None),
    ),
    trace("confirmed", "b2", option("b2", "a3", 2.0, chosen=True), option("b2", "a2", 1.0)),
    trace("new", "a2", option("a2", "a1", -8.0)),
]  # fmt: skip
FOUND_VEHICLES = {"a1": "v1", "b1": "v1", "a2": "v2", "a3": "v3", "b2": "v3"}


def test_candidates_are_ranked_by_what_spoke_for_them_each_once() -> None:
    first, second, third = candidates_of_traces(TRACES)
    assert [(one.tracklet, one.log_odds, one.joined) for one in first.ranked] == [("a1", 5.0, True), ("a2", -3.0, False)]
    assert [one.wrong(VEHICLES, FOUND_VEHICLES) for one in (first, second, third)] == [False, True, False]


def test_a_vehicle_left_alone_that_was_there_is_a_wrong_decision() -> None:
    (alone,) = candidates_of_traces([trace("new", "b2", option("b2", "a2", -0.5))])
    assert alone.wrong(VEHICLES, {"b2": "v9", "a2": "v2"})
    assert not alone.wrong(VEHICLES, {"b2": "v2", "a2": "v2"}), "another decision brought them together"


def test_events_name_the_join_and_the_runner_up() -> None:
    ref = {name: TrackletRef(name[0], name, 0, 1) for name in VEHICLES}
    event = MatchEvent("e", 1, "confirmed", "s", "v3", ref["b2"], 9, ref["a3"], log_odds=2.0, runner_up=RunnerUp(1.5, "a2", "a"))
    (found,) = candidates_of_events([event])
    assert [(one.tracklet, one.joined) for one in found.ranked] == [("a3", True), ("a2", False)]


def test_wrong_ones_are_shown_first_and_right_joins_after() -> None:
    chosen = chosen_candidates(candidates_of_traces(TRACES), VEHICLES, FOUND_VEHICLES, 5)
    assert {heading: [one.tracklet for one in part] for heading, part in chosen.items()} == {
        "Wrong decisions": ["b2"],
        "Right joins": ["b1"],
    }


def test_a_sheet_frames_right_and_wrong_ones() -> None:
    shades = {name: np.full((40, 60, 3), 50 + 30 * number, np.uint8) for number, name in enumerate(VEHICLES)}

    def crop_of(name: str) -> Image | None:
        return shades.get(name)

    wrong = candidates_of_traces(TRACES)[1]
    picture = draw_candidates(wrong, "wrong-01", crop_of, VEHICLES, CAMERAS)
    assert (picture.name, picture.caption) == ("wrong-01.jpg", "b2: joined to a3")
    sheet = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None
    row = sheet[1].astype(int)
    red, green = (int(np.flatnonzero(np.abs(row - colour).max(axis=1) < 25)[0]) for colour in (MISSED, FOUND))
    assert red < green, "the join to another vehicle comes first: it had more speaking for it"
    assert draw_candidates(wrong, "x", lambda _: None, VEHICLES, CAMERAS, shown=1).jpeg[:2] == b"\xff\xd8"


def test_an_ablation_table_tells_differences() -> None:
    table = AblationTable(
        ("IDF1",),
        AblationRow("as it is", (0.9,)),
        (AblationRow("`colour` off", (0.85,)), AblationRow("`window: hard`", (0.9,), same=True)),
        (AblationRow("without error", (1.0,)),),
    )
    text = table.to_markdown()
    assert "| as it is | 0.9000 |  |" in text
    assert "| `colour` off | 0.8500 | -0.0500 |" in text
    assert "| `window: hard` | 0.9000 | = |" in text
    plain = json.loads(json.dumps(table.to_json()))
    assert plain["rows"][0]["differences"]["IDF1"] == pytest.approx(-0.05)
    assert plain["limits"][0]["values"] == {"IDF1": 1.0}
    with pytest.raises(ValueError, match="colour: expected 1 values, found 2"):
        AblationTable(("IDF1",), AblationRow("a", (1.0,)), (AblationRow("colour", (1.0, 2.0)),))
