"""`throughline replay`: the log again, what other settings change, and why."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.dated_bus import lived
from tests.support.traffic import chain_site
from throughline.bus import Bus
from throughline.commands import replay
from throughline.commands.main import main
from throughline.settings import KafkaSettings
from throughline.settings.site import dump_site
from throughline.telemetry.metrics import Metrics

SITE = chain_site(3, "confirm_after: 8")
SITE = SITE.model_copy(update={"kafka": SITE.kafka.model_copy(update={"snapshot_interval": 15.0})})
WHAT_IF = chain_site(3, "confirm_after: 8, appearance: false, new_vehicle_prior: 0.9")
BEGINNING = "1970-01-01T00:00:00Z"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two site files, and a Kafka on which the first has lived."""
    (tmp_path / "site.yaml").write_text(dump_site(SITE))
    (tmp_path / "what-if.yaml").write_text(dump_site(WHAT_IF))

    @asynccontextmanager
    async def attached(settings: KafkaSettings, metrics: Metrics) -> AsyncIterator[Bus]:
        bus = await lived(SITE, vehicles=14)
        yield bus
        await bus.stop()

    monkeypatch.setattr(replay, "attached_bus", attached)
    return tmp_path


def run(folder: Path, *more: object) -> int:
    out = folder / "events.jsonl"
    return main(["replay", str(folder / "site.yaml"), "--out", str(out), "--from", BEGINNING, *map(str, more)])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def published() -> list[bytes | None]:
    async def log() -> list[bytes | None]:
        bus = await lived(SITE, vehicles=14)
        found = [record.value for record in bus.log("throughline.matches")]
        await bus.stop()
        return found

    return asyncio.run(log())


def test_the_log_comes_again_byte_for_byte(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == 0
    assert (folder / "events.jsonl").read_bytes().splitlines() == published()
    said = capsys.readouterr()
    kinds = Counter(line["kind"] for line in lines(folder / "events.jsonl"))
    assert f"{kinds['confirmed']} confirmed" in said.err
    assert "begins with the snapshot of its start" in said.err


def test_what_other_settings_change_is_counted_and_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--what-if", folder / "what-if.yaml", "--differences", folder / "differences.jsonl") == 0
    out = capsys.readouterr().out
    after = lines(folder / "events.jsonl")
    before = [json.loads(value or b"") for value in published()]
    for kind in {event["kind"] for event in before + after}:
        counts = [sum(event["kind"] == kind for event in run) for run in (before, after)]
        assert any(line.split() == [kind, *map(str, counts)] for line in out.splitlines()), (kind, counts, out)
    differences = lines(folder / "differences.jsonl")
    assert differences
    final = ("confirmed", "revised", "retracted", "new")
    last = [{event["tracklet"]["tracklet"]: event for event in run if event["kind"] in final} for run in (before, after)]
    for line in differences:
        for told, events in zip((line["before"], line["after"]), last, strict=True):
            event = events.get(line["tracklet"])
            assert (told is None) == (event is None)
            if event is not None:
                assert (told["event"], told["vehicle"]) == (event["event"], event["vehicle"])
    tracklets = len(last[0].keys() | last[1].keys())
    assert f"{tracklets} tracklets decided: {tracklets - len(differences)} alike" in out
    assert "pairs of tracklets that are one vehicle" in out


def test_traces_are_written_and_always_the_same(folder: Path) -> None:
    for name in ("one.jsonl", "other.jsonl"):
        assert run(folder, "--trace", folder / name) == 0
    assert (folder / "one.jsonl").read_bytes() == (folder / "other.jsonl").read_bytes()
    traces = lines(folder / "one.jsonl")
    assert [trace["event"] for trace in traces] == [event["event"] for event in lines(folder / "events.jsonl")]
    assert any(len(trace["options"]) > 1 for trace in traces)


def test_wrong_use_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--until", BEGINNING) == 2
    assert "--until must be later than --from" in capsys.readouterr().err
    assert run(folder, "--differences", folder / "x") == 2
    assert "it needs --what-if" in capsys.readouterr().err
    assert run(folder, "--trace", folder / "no" / "folder") == 1
    assert "cannot be written" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(folder, "--from", "yesterday")
