"""The whole chain on drawn footage with exact truth, read without dropping a frame: the same on any machine."""

import asyncio
from typing import NamedTuple

import pytest

from evaluation.labelling import CameraTruth, label, truth_of_rows, well_seen
from evaluation.passages import Join, score_passages
from evaluation.visits import passages_of
from inference.models import load_models
from matcher.service import MatcherService
from simulation.drawn_road import DrawnRoad, draw_road
from streams.fleet import Fleet
from throughline.bus import MemoryBus
from throughline.bus.protocol import Bus
from throughline.formats.aicity import read_aicity
from throughline.messages import MatchEvent, Tracklet, decode_match_event, decode_record
from throughline.settings import Site, load_site
from throughline.telemetry.metrics import Metrics
from throughline.times import MICROSECONDS


class Run(NamedTuple):
    """Every record of the tracklets topic, every match event, and what was counted."""

    records: list[bytes]
    events: list[bytes]
    metrics: Metrics


STARTED = 1_700_000_000 * MICROSECONDS


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> DrawnRoad:
    return draw_road(tmp_path_factory.mktemp("road"), seed=0)


def recorded(road: DrawnRoad) -> Site:
    site = load_site(road.site)
    cameras = tuple(camera.model_copy(update={"realtime": False}) for camera in site.cameras)
    # Recordings are read as fast as each can be, so one may be far ahead of another.
    matching = site.matching.model_copy(update={"confirm_after": 5.0, "lateness": 120.0})
    return site.model_copy(update={"cameras": cameras, "matching": matching})


def truths(road: DrawnRoad, site: Site) -> dict[str, CameraTruth]:
    rows = read_aicity(road.truth)
    return {
        camera.id: truth_of_rows(rows, camera.id, camera.number or 0, epoch=STARTED, seconds=road.seconds, fps=road.fps)
        for camera in site.cameras
    }


async def values(bus: Bus, topic: str) -> list[bytes]:
    consumer = await bus.consumer([topic], None)
    found: list[bytes] = []
    try:
        async for batch in consumer.records():
            if not batch:
                return found
            found += [record.value for record in batch if record.value is not None]
    finally:
        await consumer.stop()
    return found


async def run(site: Site) -> Run:
    bus, over, metrics = MemoryBus(), asyncio.Event(), Metrics()
    await bus.start()
    models = load_models(site.models, metrics)
    try:
        matching = asyncio.create_task(MatcherService(bus, [site], metrics).run(over))
        await Fleet(site, bus, models, metrics, started=STARTED).run(asyncio.Event())
        over.set()
        await matching
        return Run(await values(bus, site.kafka.topic("tracklets")), await values(bus, site.kafka.topic("matches")), metrics)
    finally:
        models.close()
        await bus.stop()


@pytest.fixture(scope="module")
def first_run(road: DrawnRoad) -> Run:
    return asyncio.run(run(recorded(road)))


@pytest.mark.slow
def test_vehicles_on_drawn_footage_are_matched_and_nothing_is_lost_on_the_way(road: DrawnRoad, first_run: Run) -> None:
    site, (records, events, metrics) = recorded(road), first_run
    closed = {
        record.tracklet: record
        for record in map(decode_record, records)
        if isinstance(record, Tracklet) and record.state == "closed"
    }
    truth = truths(road, site)
    shown = {name: label(record.path, truth[record.camera]) for name, record in closed.items()}
    joins = [
        Join(event.tracklet.tracklet, event.tracklet.camera, event.joined.tracklet, event.joined.camera)
        for event in map(decode_match_event, events)
        if event.kind == "confirmed" and event.joined is not None
    ]
    end = STARTED + round(road.seconds * MICROSECONDS)
    visits = [visit for camera in truth.values() for visit in well_seen(camera, STARTED, end)]
    true = passages_of(visits, links={(link.from_, link.to) for link in site.links})
    score = score_passages(shown, joins, true)
    assert len(true) >= 30, "too few passages to judge by"
    assert score.recall >= 0.7, score.missed
    assert score.precision >= 0.8, score.wrong

    frames = round(road.seconds * road.fps)
    for camera in site.cameras:
        analysed = metrics.registry.get_sample_value("throughline_frames_analysed_total", {"camera": camera.id})
        assert analysed == frames, f"{camera.id}: {analysed} of {frames} frames"
    assert len({event.event for event in map(decode_match_event, events)}) == len(events)
    sequence = [event.sequence for event in map(decode_match_event, events)]
    assert sequence == list(range(1, len(sequence) + 1))


@pytest.mark.slow
def test_the_same_footage_gives_the_same_final_events(road: DrawnRoad, first_run: Run) -> None:
    def finals(events: list[bytes]) -> list[MatchEvent]:
        return [event for event in map(decode_match_event, events) if event.kind not in ("provisional", "watchlist")]

    first, second = finals(first_run.events), finals(asyncio.run(run(recorded(road))).events)
    assert [event.event for event in first] == [event.event for event in second]
    assert [event.vehicle for event in first] == [event.vehicle for event in second]
