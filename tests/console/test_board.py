"""What the page is told: one number for one vehicle at all cameras, and the latest matches."""

from __future__ import annotations

from typing import Any

import msgspec

from console.board import Board
from throughline.messages import CameraStatus, Evidence, MatchEvent, MatchKind, TrackletRef


def ref(name: str, shot: str | None = None) -> TrackletRef:
    return TrackletRef(name.partition("-")[0], name, 0, 1_000_000, shot)


def event(kind: MatchKind, tracklet: str, joined: str | None = None, **more: Any) -> MatchEvent:
    return MatchEvent(
        f"{kind} {tracklet}",
        1,
        kind,
        "demo",
        "vehicle-x",
        ref(tracklet, f"shots/{tracklet}.jpg"),
        0,
        None if joined is None else ref(joined),
        probability=0.9,
        travel_time=4.0,
        evidence=(Evidence("travel_time", 1.234, 4.0, "s"),),
        **more,
    )


def frame(camera: str, *tracklets: str | None) -> dict[str, Any]:
    return {"camera": camera, "tracks": [{"track": n, "tracklet": name, "box": [0, 0, 1, 1]} for n, name in enumerate(tracklets)]}


def numbers(board: Board, camera: str, *tracklets: str | None) -> list[tuple[int | None, tuple[str, ...]]]:
    return [(track["vehicle"], track["cameras"]) for track in board.live(frame(camera, *tracklets))["tracks"]]


def test_a_vehicle_keeps_its_number_from_the_first_sight_and_takes_it_to_the_next_camera() -> None:
    board = Board("Demo", "Two cameras.", ["c01", "c02"])
    assert numbers(board, "c01", "c01-1", "c01-2", None) == [(1, ("c01",)), (2, ("c01",)), (None, ())]
    assert numbers(board, "c02", "c02-1") == [(3, ("c02",))]
    assert board.match(event("new", "c01-1")) is None
    message = board.match(event("provisional", "c02-1", "c01-2"), right=True)
    assert message is not None
    assert (message["vehicle"], message["from"], message["to"], message["right"]) == (2, "c01", "c02", True)
    assert message["reasons"] == [{"term": "travel time", "llr": 1.23, "raw": 4.0, "unit": "s"}]
    assert message["shots"] == [None, "shots/c02/shots/c02-1.jpg"]
    assert numbers(board, "c02", "c02-1") == [(2, ("c01", "c02"))]
    assert numbers(board, "c01", "c01-1", "c01-2") == [(1, ("c01",)), (2, ("c01", "c02"))]


def test_a_retracted_match_is_marked_and_a_later_decision_replaces_an_earlier_one() -> None:
    board = Board("Demo", "", ["c01", "c02"])
    board.match(event("provisional", "c02-1", "c01-1"))
    board.match(event("confirmed", "c02-1", "c01-2"))
    retracted = board.match(event("retracted", "c02-1", reason="later evidence"))
    assert retracted is not None
    assert (retracted["kind"], retracted["reason"]) == ("retracted", "later evidence")
    assert [match["kind"] for match in board.hello()["matches"]] == ["retracted"]
    assert board.match(event("watchlist", "c02-1")) is None


def test_only_the_latest_matches_are_kept_and_messages_are_plain_json() -> None:
    board = Board("Demo", "", ["c01"], matches_kept=3)
    for number in range(5):
        board.match(event("confirmed", f"c02-{number}", f"c01-{number}"))
    hello = msgspec.json.decode(msgspec.json.encode(board.hello()))
    assert [match["tracklet"] for match in hello["matches"]] == ["c02-2", "c02-3", "c02-4"]


def test_where_pictures_are_is_known_for_its_own_cameras_only() -> None:
    board = Board("Demo", "", ["c01"])
    assert board.media_url("c01") is None
    for camera in ("c01", "c09"):
        board.camera(CameraStatus("demo", camera, "live", 0, analysed_fps=9.5, media_url="http://127.0.0.1:1"))
    assert board.media_url("c01") == "http://127.0.0.1:1"
    assert board.media_url("c09") is None
    status = board.status("Watching", "all is well")
    assert (status["phase"], status["states"]["c01"], status["rates"]["c01"]) == ("Watching", "live", 9.5)
