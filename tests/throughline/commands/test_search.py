"""`throughline search` against a service that runs."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher import Matcher
from matcher.candidates import Ranking
from matcher.search.pictures import Eyes
from tests.support.looks import unit
from tests.support.searching import Asked, publish, serving
from tests.support.traffic import START, chain_site, tracklet
from throughline.bus.memory import MemoryBus
from throughline.commands.main import main
from throughline.messages import MatchEvent, TrackletRef
from throughline.settings import load_site
from throughline.types import FloatArray, Image

SITE = "site: test\ncameras: [{id: c1}, {id: c2}]\nsearch: {port: %d}\n"
RED, GREY = (20, 20, 200), (120, 120, 120)


async def embed(pictures: Sequence[Image]) -> FloatArray:
    return unit(np.stack([picture.reshape(-1, 3).mean(axis=0) for picture in pictures]))


def site_on(folder: Path, port: int) -> Path:
    path = folder / f"site-{port}.yaml"
    path.write_text(SITE % port)
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return site_on(tmp_path, 0)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((40, 40, 3), RED, np.uint8))
    return path


@pytest.fixture
async def asked(site: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Asked]:
    bus, settings = MemoryBus(), load_site(site)
    await bus.start()
    for name, camera, colour, start in (("t0", "c1", RED, 0), ("t1", "c2", RED, 30), ("t2", "c1", GREY, 60)):
        one = tracklet(camera, start, start + 5, name=name, look=np.array(colour, np.float32))
        await publish(bus, settings, [one])
        if colour == RED:
            reference = TrackletRef(camera, name, one.start, one.end)
            await publish(bus, settings, [MatchEvent(name, 1, "confirmed", "test", "vehicle-red", reference, one.end)])
    async with serving([settings], bus, Eyes(("test", "0" * 16), embed), decided_between, now=lambda: START) as asked:
        capsys.readouterr()  # what the service logs, in another process else
        yield asked


async def decided_between(_: str, name: str, limit: int) -> Ranking | None:
    matcher, view = Matcher(chain_site(2)), np.ones(8)
    matcher.process(tracklet("c1", 0, 3, look=view, name="a"))
    matcher.process(tracklet("c1", 22, 28, look=view, name="beside"))
    matcher.process(tracklet("c2", 23, 26, look=view, name="b/c 1"))
    return matcher.candidates(name, limit)


async def search(*arguments: object) -> int:
    return await asyncio.to_thread(main, ["search", *map(str, arguments)])


async def test_it_prints_where_and_when_best_first(
    capsys: pytest.CaptureFixture[str], asked: Asked, site: Path, picture: Path
) -> None:
    there = site_on(site.parent, int(asked.url.rpartition(":")[2]))
    assert await search(picture, "--site", there) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["vehicle", "alike", "camera"]
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["vehicle-red", "1.000", "c1", "2023-11-14T22:13:20"],
        ["vehicle-red", "1.000", "c2", "2023-11-14T22:13:50"],
    ]
    assert lines[3].startswith("(not decided yet)")
    assert len(lines) == 4


async def test_options_narrow_the_search_and_json_is_the_whole_answer(
    capsys: pytest.CaptureFixture[str], asked: Asked, site: Path, picture: Path
) -> None:
    where = ["--site", site, "--url", asked.url + "/"]
    when = ["--camera", "c1", "--camera", "c2", "--from", "2023-11-14T22:13:40", "--to", "2023-11-15", "--limit", "1"]
    assert await search(picture, *where, *when, "--json", "--box", "0,0,20,20") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [[there["tracklet"] for there in vehicle["tracklets"]] for vehicle in answer["vehicles"]] == [["t1"]]
    assert answer["box"] == [0, 0, 20, 20]
    assert await search("--tracklet", "t2", *where, "--limit", "1", "--json", "--model", "test") == 0
    assert json.loads(capsys.readouterr().out)["vehicles"][0]["tracklets"][0]["tracklet"] == "t2"
    assert await search(picture, *where, "--from", "2024-01-01") == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "nothing was found among 3 tracklets\n")


async def test_candidates_are_ranked_with_what_speaks_for_each(
    capsys: pytest.CaptureFixture[str], asked: Asked, site: Path
) -> None:
    where = ["--site", site, "--url", asked.url]
    assert await search("--tracklet", "b/c 1", "--candidates", *where) == 0
    captured = capsys.readouterr()
    assert captured.err == "b/c 1: not decided yet; 1 of 2 tracklets pass all gates\n"
    header, first, second = captured.out.splitlines()
    assert header.split()[:3] == ["log-odds", "tracklet", "camera"]
    assert re.match(
        r"[+]\d+\.\d\d +a +c1 +2023-11-14T22:13:20 +2023-11-14T22:13:23 +\(not decided yet\) +20\.0 +prior [+-]", first
    )
    assert "appearance +" in first
    assert re.match(r"- +beside +c1 .* rejected: travel_window$", second)
    assert await search("--tracklet", "b/c 1", "--candidates", "--limit", "1", "--json", *where) == 0
    (best,) = json.loads(capsys.readouterr().out)["candidates"]
    assert (best["tracklet"], best["link"]) == ("a", "c1->c2")


async def test_a_bad_question_ends_with_2_and_one_clear_line(
    capsys: pytest.CaptureFixture[str], asked: Asked, site: Path, picture: Path, tmp_path: Path
) -> None:
    where = ["--site", site, "--url", asked.url]
    rubbish = tmp_path / "rubbish.jpg"
    rubbish.write_bytes(b"no picture")
    for arguments, said in (
        ([rubbish, *where], "expected a JPEG or PNG file"),
        ([tmp_path / "none.jpg", *where], "none.jpg: cannot be read: No such file or directory"),
        ([picture, *where, "--camera", "c9"], "this site has no camera c9"),
        ([picture, *where, "--detect"], "this site's detector needs moving pictures"),
        (["--tracklet", "nobody", *where], "no tracklet nobody"),
        ([picture, "--tracklet", "t0", *where], "give either a PICTURE or --tracklet"),
        (where, "give either a PICTURE or --tracklet"),
        (["--tracklet", "t0", *where, "--detect"], "--box and --detect are for pictures"),
        (["--tracklet", "nobody", "--candidates", *where], "no tracklet nobody can be joined"),
        (["--candidates", *where], "--candidates goes with --tracklet"),
        (["--tracklet", "t0", "--candidates", *where, "--camera", "c1"], "--candidates goes with --tracklet"),
        ([picture, "--site", site], "search.port of the site file is 0"),
    ):
        assert await search(*arguments) == 2, arguments
        captured = capsys.readouterr()
        assert said in captured.err
        assert captured.out == ""
        assert len([line for line in captured.err.splitlines() if line.startswith("throughline: ")]) == 1


def test_a_time_that_is_none_ends_with_2(capsys: pytest.CaptureFixture[str], site: Path, picture: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["search", str(picture), "--site", str(site), "--from", "yesterday"])
    assert ended.value.code == 2
    assert "'yesterday' is no time: expected ISO 8601" in capsys.readouterr().err


def test_where_nobody_answers_it_ends_with_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, picture: Path, free_port: int
) -> None:
    assert main(["search", str(picture), "--site", str(site_on(tmp_path, free_port))]) == 1
    error = capsys.readouterr().err
    assert f"no search service answers at http://127.0.0.1:{free_port}" in error
    assert len(error.splitlines()) == 1


def test_a_site_that_serves_no_searches_says_so(capsys: pytest.CaptureFixture[str], site: Path, picture: Path) -> None:
    site.write_text("site: test\ncameras: [{id: c1}]\nsearch: {enabled: false}\n")
    assert main(["search", str(picture), "--site", str(site)]) == 2
    assert "search.enabled of the site file is false" in capsys.readouterr().err
