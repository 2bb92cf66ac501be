from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from matcher import Matcher
from matcher.candidates import Ranking
from matcher.search.pictures import Eyes
from matcher.search.server import SearchServer, SearchServerError
from tests.support.bus import until
from tests.support.kafka import KafkaServer
from tests.support.looks import unit
from tests.support.searching import Asked, nowhere, publish, serving
from tests.support.traffic import START, chain_site, tracklet
from throughline.bus import KafkaBus
from throughline.bus.memory import MemoryBus
from throughline.bus.publisher import address
from throughline.messages import BestShot, CameraStatus, Embedding, MatchEvent, Progress, Tracklet, TrackletRef
from throughline.settings import KafkaSettings, SearchSettings, Site, parse_site
from throughline.telemetry.metrics import Metrics
from throughline.times import after, to_instant
from throughline.types import Detections, FloatArray, Image

MODEL = ("mean-colour", "1" * 16)
COLOURS = {"red": (30, 30, 220), "blue": (220, 40, 30), "green": (40, 200, 40)}
"""BGR."""


def look(colour: str) -> FloatArray:
    return unit(np.array(COLOURS[colour], np.float32))


async def embed(pictures: Sequence[Image]) -> FloatArray:
    return unit(np.stack([picture.reshape(-1, 3).mean(axis=0) for picture in pictures]))


async def detect(picture: Image) -> Detections:
    """Finds what is neither black nor white."""
    rows, columns = np.nonzero(np.ptp(picture.astype(int), axis=2) > 60)
    if not len(rows):
        return Detections.empty()
    box = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
    return Detections(np.array(box, np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64))


EYES = Eyes(MODEL, embed, detect)


def site(name: str = "test", search: str = "") -> Site:
    return parse_site(f"site: {name}\ncameras: [{{id: c1}}, {{id: c2}}]\nsearch: {{port: 0, {search}}}\n")


def seen(name: str, colour: str, start: float, camera: str = "c1", of: str = "test") -> Tracklet:
    plain = tracklet(camera, start, start + 5, name=name, site=of)
    embeddings = (Embedding.of(*MODEL, look(colour)),)
    return msgspec.structs.replace(plain, embeddings=embeddings, best_shot=BestShot(f"shots/{name}.jpg", START, 0.5))


def decided(one: Tracklet, vehicle: str, kind: Any = "confirmed", sequence: int = 1) -> MatchEvent:
    reference = TrackletRef(one.camera, one.tracklet, one.start, one.end)
    return MatchEvent(f"{one.tracklet}-{kind}", sequence, kind, one.site, vehicle, reference, one.end, probability=0.9)


def picture(colour: str, *, size: tuple[int, int] = (60, 80), kind: str = ".png", box: tuple[int, ...] | None = None) -> bytes:
    image = np.full((*size, 3), 0 if box else COLOURS[colour], np.uint8)
    if box:
        x, y, width, height = box
        image[y : y + height, x : x + width] = COLOURS[colour]
    return cv2.imencode(kind, image)[1].tobytes()


RED, BLUE, RED_AGAIN = seen("t0", "red", 0), seen("t1", "blue", 10), seen("t2", "red", 60, camera="c2")


@pytest.fixture
async def bus() -> MemoryBus:
    bus = MemoryBus()
    await bus.start()
    await publish(bus, site(), [RED, BLUE, decided(RED, "v-red", "new"), decided(BLUE, "v-blue", "new")])
    await publish(bus, site(), [RED_AGAIN, decided(RED_AGAIN, "v-red")])
    await publish(bus, site(), [CameraStatus("test", "c2", "live", START, media_url="http://127.0.0.1:7/")])
    return bus


@pytest.fixture
async def asked(bus: MemoryBus) -> AsyncIterator[Asked]:
    async with serving([site()], bus, EYES, now=lambda: START) as asked:
        yield asked


def tracklets(answer: dict[str, Any]) -> list[list[str]]:
    return [[there["tracklet"] for there in vehicle["tracklets"]] for vehicle in answer["vehicles"]]


@pytest.mark.parametrize("kind", [".png", ".jpg"])
async def test_a_picture_finds_its_vehicle_with_all_its_passages(asked: Asked, kind: str) -> None:
    status, answer = await asked.post(picture("red", kind=kind))
    assert status == 200
    assert answer["site"] == "test"
    assert answer["model"] == {"name": MODEL[0], "hash": MODEL[1]}
    assert (answer["exact"], answer["box"]) == (True, None)
    assert answer["history"] == {
        "tracklets": 3,
        "vectors": 3,
        "since": "2023-11-13T22:14:25.000000Z",
        "until": "2023-11-14T22:14:25.000000Z",
        "complete": True,
    }
    assert [vehicle["vehicle"] for vehicle in answer["vehicles"]] == ["v-red", "v-blue"]
    best = answer["vehicles"][0]
    assert best["similarity"] == pytest.approx(1.0, abs=1e-3)
    assert best["tracklets"] == [
        {
            "tracklet": "t0",
            "camera": "c1",
            "start": "2023-11-14T22:13:20.000000Z",
            "end": "2023-11-14T22:13:25.000000Z",
            "similarity": best["tracklets"][0]["similarity"],
            "decision": "new",
            "probability": 0.9,
            "best_shot": "shots/t0.jpg",
        },
        {
            "tracklet": "t2",
            "camera": "c2",
            "start": "2023-11-14T22:14:20.000000Z",
            "end": "2023-11-14T22:14:25.000000Z",
            "similarity": best["tracklets"][1]["similarity"],
            "decision": "confirmed",
            "probability": 0.9,
            "best_shot": "shots/t2.jpg",
            "best_shot_url": "http://127.0.0.1:7/shots/t2.jpg",
        },
    ]


async def test_the_vehicle_is_cut_out_of_the_picture(asked: Asked) -> None:
    whole = picture("blue", box=(30, 10, 20, 15))
    for parameters, expected in (({"box": "30,10,20,15"}, [30, 10, 20, 15]), ({"detect": "true"}, [30, 10, 20, 15])):
        status, answer = await asked.post(whole, **parameters)
        assert (status, answer["box"]) == (200, expected)
        assert answer["vehicles"][0]["vehicle"] == "v-blue"
        assert answer["vehicles"][0]["similarity"] == pytest.approx(1.0, abs=1e-3)
    status, answer = await asked.post(whole, box="500,500,20,20")
    assert status == 400
    assert "lies outside the picture of 80 x 60 pixels" in answer["error"]
    status, answer = await asked.post(cv2.imencode(".png", np.zeros((40, 40, 3), np.uint8))[1].tobytes(), detect="true")
    assert status == 400
    assert "no vehicle was detected" in answer["error"]


async def test_more_like_this_one_and_like_this_vector(asked: Asked) -> None:
    status, answer = await asked.post({"tracklet": "t1"})
    assert status == 200
    assert tracklets(answer)[0] == ["t1"]
    status, answer = await asked.post({"embedding": [float(value) for value in 7 * look("red")]}, model="mean-colour")
    assert status == 200
    assert answer["vehicles"][0]["vehicle"] == "v-red"
    assert answer["vehicles"][0]["similarity"] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"cameras": "c2"}, [["t2"]]),
        ({"cameras": "c1,c2"}, [["t0", "t2"], ["t1"]]),
        ({"limit": "1"}, [["t0", "t2"]]),
        ({"from": "2023-11-14T22:13:50Z"}, [["t2"]]),
        ({"to": "2023-11-14T22:13:26+00:00"}, [["t0"]]),
        ({"to": "2023-11-14T23:13:26+01:00"}, [["t0"]]),
        ({"from": "2023-11-14", "to": "2023-11-14T22:13:31"}, [["t0"], ["t1"]]),
        ({"from": "2023-11-15"}, []),
    ],
)
async def test_where_and_when_to_look(asked: Asked, parameters: dict[str, str], expected: list[list[str]]) -> None:
    status, answer = await asked.post(picture("red"), **parameters)
    assert status == 200
    assert tracklets(answer) == expected


async def test_an_unescaped_plus_in_a_time_is_understood(asked: Asked) -> None:
    status, answer = await asked.post(picture("red"), to="2023-11-14T23:13:26 01:00")
    assert (status, tracklets(answer)) == (200, [["t0"]])


@pytest.mark.parametrize(
    ("body", "parameters", "said"),
    [
        (b"GIF89a not what we take", {}, "expected a JPEG or PNG"),
        (b"", {}, "no body"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10rubbish", {}, "damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff", {}, "65535 x 65535 pixels is too large"),
        (b"\xff\xd8\xff\xe0\0\x04\0\0\xff\xc0\0\x11\x08\xff\xff\xff\xff", {}, "65535 x 65535 pixels is too large"),
        (b"\xff\xd8\xff\xe0", {}, "expected a JPEG or PNG"),
        (picture("red")[:60], {}, "damaged"),
        (picture("red"), {"model": "other"}, "pictures are described by mean-colour here"),
        (picture("red"), {"box": "1,2,3"}, "box: expected x,y,width,height"),
        (picture("red"), {"box": "1,2,nan,4"}, "box: expected finite numbers"),
        (picture("red"), {"box": "1,2,3,4", "detect": "true"}, "not both"),
        (picture("red"), {"detect": "perhaps"}, "detect: expected true or false"),
        (picture("red"), {"limit": "0"}, "limit: expected a whole number from 1 to 200"),
        (picture("red"), {"limit": "many"}, "limit: expected"),
        (picture("red"), {"cameras": "c1,c9"}, "this site has no camera c9; it has c1, c2"),
        (picture("red"), {"from": "yesterday"}, "from: 'yesterday' is no time: expected ISO 8601"),
        (picture("red"), {"from": "2024-01-02", "to": "2024-01-01"}, "is later than"),
        (picture("red"), {"camera": "c1"}, "camera: there is no such parameter; there are site, cameras"),
        (picture("red"), {"site": "elsewhere"}, "site: expected one of test"),
        ({}, {}, 'expected either {"tracklet": "<id>"}'),
        ({"tracklet": "t0", "embedding": [1.0]}, {}, "expected either"),
        ({"picture": "t0"}, {}, "cannot be read: Object contains unknown field `picture`"),
        ({"tracklet": 7}, {}, "Expected `str | null`"),
        ([1, 2, 3], {}, "cannot be read"),
        ({"embedding": [1.0, 2.0]}, {}, "2 numbers, but vectors of mean-colour have 3"),
        ({"embedding": [0, 0, 0]}, {}, "not all zero"),
        ({"embedding": []}, {}, "not all zero"),
        ({"embedding": [1, 0, 0]}, {"model": "other"}, "nothing is known by other; there is mean-colour"),
        ({"tracklet": "t0"}, {"detect": "1"}, "are for pictures"),
    ],
)
async def test_a_bad_question_is_answered_by_what_to_ask_instead(
    asked: Asked, body: Any, parameters: dict[str, str], said: str
) -> None:
    status, answer = await asked.post(body, **parameters)
    assert (status, list(answer)) == (400, ["error"])
    assert said in answer["error"]


async def test_what_is_not_known_is_not_found(asked: Asked) -> None:
    status, answer = await asked.post({"tracklet": "nobody"})
    assert status == 404
    assert "no tracklet nobody" in answer["error"]
    status, answer = await asked.get("/vehicles/v-none")
    assert status == 404
    assert "no vehicle v-none" in answer["error"]
    assert await asked.get("/nowhere") == (404, {"error": "Not Found"})
    assert (await asked.get("/search"))[0] == 405


async def test_a_vehicle_tells_where_it_was(asked: Asked) -> None:
    status, answer = await asked.get("/vehicles/v-red")
    assert status == 200
    assert (answer["site"], answer["vehicle"]) == ("test", "v-red")
    assert [(there["tracklet"], there["camera"], there["decision"]) for there in answer["tracklets"]] == [
        ("t0", "c1", "new"),
        ("t2", "c2", "confirmed"),
    ]
    assert "similarity" not in answer["tracklets"][0]


async def test_a_picture_that_is_too_large_is_refused_unread(bus: MemoryBus) -> None:
    async with serving([site(search="max_picture: 1000")], bus, EYES, now=lambda: START) as asked:
        status, answer = await asked.post(b"\xff" * 1001)
        assert status == 413
        assert "at most 1000 bytes (search.max_picture)" in answer["error"]
        assert (await asked.post(picture("red")))[0] == 200


async def test_searches_are_counted_by_outcome_and_timed(asked: Asked) -> None:
    await asked.post(picture("red"))
    await asked.post(b"rubbish")
    await asked.post({"tracklet": "nobody"})
    value = asked.metrics.registry.get_sample_value
    assert value("throughline_searches_total", {"site": "test", "outcome": "answered"}) == 1
    assert value("throughline_searches_total", {"site": "test", "outcome": "refused"}) == 2
    assert value("throughline_search_seconds_count", {"site": "test"}) == 1
    assert value("throughline_search_tracklets", {"site": "test"}) == 3
    assert value("throughline_search_vectors", {"site": "test"}) == 3


async def test_an_embedder_that_fails_is_our_fault_and_ends_nothing(bus: MemoryBus) -> None:
    async def broken(_: Sequence[Image]) -> FloatArray:
        raise RuntimeError("out of memory")

    async with serving([site()], bus, Eyes(MODEL, broken), now=lambda: START) as asked:
        assert await asked.post(picture("red")) == (500, {"error": "the search failed: out of memory"})
        assert asked.metrics.registry.get_sample_value("throughline_searches_total", {"site": "test", "outcome": "failed"}) == 1
        status, answer = await asked.post(picture("red"), detect="true")
        assert (status, "needs moving pictures" in answer["error"]) == (400, True)
        assert (await asked.post({"tracklet": "t0"}))[0] == 200


async def test_a_picture_is_not_compared_with_what_another_model_has_described(bus: MemoryBus) -> None:
    async with serving([site()], bus, Eyes(("mean-colour", "2" * 16), embed), now=lambda: START) as asked:
        status, answer = await asked.post(picture("red"))
        assert status == 400
        assert f"mean-colour {'2' * 16} here, but what is kept was described by mean-colour {'1' * 16}" in answer["error"]


async def test_what_comes_while_it_runs_can_be_found(asked: Asked, bus: MemoryBus) -> None:
    green = seen("t9", "green", 90)
    await publish(bus, site(), [Progress("test", "c1", after(START, 100)), green])
    await until(lambda: bool(asked.metrics.registry.get_sample_value("throughline_search_tracklets", {"site": "test"}) == 4))
    _, answer = await asked.post(picture("green"), limit="1")
    assert tracklets(answer) == [["t9"]]
    assert answer["vehicles"][0]["vehicle"] is None
    assert answer["history"]["until"] == "2023-11-14T22:15:00.000000Z"


async def test_a_restart_knows_what_was_known(bus: MemoryBus) -> None:
    async with serving([site()], bus, EYES, now=lambda: START) as asked:
        before = await asked.post(picture("red"))
    async with serving([site()], bus, EYES, now=lambda: START) as asked:
        assert await asked.post(picture("red")) == before


async def test_only_what_was_published_in_the_time_kept_is_read_back(bus: MemoryBus) -> None:
    log = [*bus.log("throughline.tracklets")]
    middle = log[1].time  # of BLUE; times are whole microseconds and rise
    kept = site(search="keep: 100")
    async with serving([kept], bus, EYES, now=lambda: after(middle, 100.0)) as asked:
        _, answer = await asked.post(picture("red"))
        described = {
            there["tracklet"] for vehicle in answer["vehicles"] for there in vehicle["tracklets"] if "similarity" in there
        }
    assert described == {record.tracklet for record in (BLUE, RED_AGAIN)}


async def test_records_that_cannot_be_used_are_counted_and_nothing_stops(bus: MemoryBus) -> None:
    topic = site().kafka.topic
    await bus.publish(topic("tracklets"), "test", b"\xc1 rubbish", {})
    await bus.publish(topic("matches"), "test", b"{", {})
    await bus.publish(topic("cameras"), "test/c1", b"{", {})
    await bus.publish(topic("cameras"), "test/c1", None, {})
    await publish(
        bus, site(), [seen("x0", "red", 4e9), seen("x1", "red", 20, camera="c9"), seen("x2", "red", 20, of="elsewhere")]
    )
    await publish(bus, site(), [decided(seen("x3", "red", 4e9), "v-far")])
    await publish(bus, site(), [Progress("test", "c1", after(START, 4e9)), Progress("test", "c9", after(START, 1e6))])
    async with serving([site()], bus, EYES, now=lambda: START) as asked:
        _, answer = await asked.post(picture("red"))
        assert tracklets(answer) == [["t0", "t2"], ["t1"]]
        assert (await asked.get("/vehicles/v-far"))[0] == 404
        value = asked.metrics.registry.get_sample_value
        for reason, count in (("unreadable", 3), ("future", 2), ("unknown_camera", 1)):
            labels = {"site": "test", "reason": reason}
            assert value("throughline_search_records_skipped_total", labels) == count


async def test_sites_on_one_address_are_told_apart(bus: MemoryBus) -> None:
    there = site("elsewhere")
    await publish(bus, there, [seen("e0", "red", 0, of="elsewhere")])
    async with serving([site(), there], bus, EYES, now=lambda: START) as asked:
        assert tracklets((await asked.post(picture("red"), site="elsewhere"))[1]) == [["e0"]]
        assert tracklets((await asked.post(picture("red"), site="test"))[1]) == [["t0", "t2"], ["t1"]]
        status, answer = await asked.post(picture("red"))
        assert (status, answer["error"]) == (400, "site: expected one of elsewhere, test")
        assert (await asked.get("/vehicles/v-red?site=test"))[0] == 200
        assert (await asked.get("/vehicles/v-red?site=elsewhere"))[0] == 404


async def test_a_port_that_is_taken_is_named(asked: Asked) -> None:
    port = int(asked.url.rpartition(":")[2])
    with pytest.raises(SearchServerError, match=rf"search\.port: 127\.0\.0\.1:{port} is in use by another process"):
        async with SearchServer([], SearchSettings(port=port), Metrics(), nowhere):
            pass
    with pytest.raises(SearchServerError, match=r"search\.host: 192\.0\.2\.1 is no address of this machine"):
        async with SearchServer([], SearchSettings(host="192.0.2.1", port=0), Metrics(), nowhere):
            pass


async def test_many_searches_at_once_all_get_their_answer(asked: Asked) -> None:
    answers = await asyncio.gather(*(asked.post(picture(colour)) for colour in ["red", "blue"] * 10))
    assert [answer["vehicles"][0]["vehicle"] for _, answer in answers] == ["v-red", "v-blue"] * 10


async def test_candidates_of_a_tracklet_are_asked_of_its_matcher(bus: MemoryBus) -> None:
    matcher = Matcher(chain_site(2))
    view = np.ones(8)
    for one in (tracklet("c1", 0, 3, look=view, name="a"), tracklet("c2", 23, 26, look=view, name="b/c")):
        matcher.process(one)

    async def rank(of: str, name: str, limit: int) -> Ranking | None:
        assert of == "test"
        return matcher.candidates(name, limit)

    async with serving([site()], bus, EYES, rank, now=lambda: START) as asked:
        status, answer = await asked.get("/candidates/a?limit=3")
        assert status == 200
        assert (answer["site"], answer["tracklet"], answer["camera"], answer["among"], answer["passed"]) == (
            "test",
            "a",
            "c1",
            1,
            1,
        )
        (found,) = answer["candidates"]
        assert (found["tracklet"], found["camera"], found["link"], found["travel_time"]) == ("b/c", "c2", "c1->c2", 20.0)
        assert (found["start"], found["end"]) == ("2023-11-14T22:13:43.000000Z", "2023-11-14T22:13:46.000000Z")
        assert found["log_odds"] == pytest.approx(sum(part["llr"] for part in found["evidence"]))
        (gate,) = found["gates"]
        assert (gate["gate"], gate["value"]) == ("travel_window", 20.0)
        assert gate["low"] < 20.0 < gate["high"]
        status, answer = await asked.get("/candidates/nobody")
        assert status == 404
        assert "no tracklet nobody can be joined" in answer["error"]
        for wrong, about in (("limit=0", "limit: expected"), ("cameras=c1", "cameras: there is no such parameter")):
            status, answer = await asked.get(f"/candidates/a?{wrong}")
            assert status == 400
            assert about in answer["error"]


async def test_where_another_process_decides_it_says_so(asked: Asked) -> None:
    assert await asked.get("/candidates/a") == (503, {"error": "the matcher of test is not in this process"})


@pytest.mark.kafka
@pytest.mark.slow
async def test_the_past_is_read_back_from_a_real_kafka(kafka_server: KafkaServer) -> None:
    settings = {"bootstrap_servers": kafka_server.bootstrap_servers, "prefix": f"p{uuid.uuid4().hex[:8]}"}
    there = site().model_copy(update={"kafka": KafkaSettings.model_validate(settings)})
    bus = KafkaBus(there.kafka, Metrics())
    await bus.start()
    try:
        await publish(bus, there, [RED, BLUE, decided(RED, "v-red", "new")])
        owner = await bus.transactions(f"{there.kafka.prefix}.matcher")
        parcel = address(decided(BLUE, "v-blue", "new"), there.kafka)
        async with owner.begin() as transaction:  # whose end stands in the log too
            await transaction.send(parcel.topic, parcel.key, parcel.value, parcel.headers)
        await bus.transactions(f"{there.kafka.prefix}.matcher")  # all of it can be read by now
        async with serving([there], bus, EYES) as asked:
            _, answer = await asked.post(picture("blue"))
            assert [vehicle["vehicle"] for vehicle in answer["vehicles"]] == ["v-blue", "v-red"]
            assert answer["history"]["complete"]
        async with serving([there], bus, EYES, now=lambda: after(to_instant(time.time()), 2 * 86400.0)) as asked:
            assert (await asked.post(picture("blue")))[1]["vehicles"] == [], "all of it is too long ago by then"
    finally:
        await bus.stop()
