"""From drawn footage to an answer: one camera's picture of a vehicle finds it at the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from inference.batcher import InferenceWorkers
from inference.colour_histogram import ColourHistogramEmbedder
from matcher.search.pictures import Eyes
from simulation.drawn_road import draw_road
from tests.support.searching import Asked, publish, serving
from tests.support.traffic import START
from throughline.bus.memory import MemoryBus
from throughline.formats.aicity import AiCityRow, read_aicity
from throughline.messages import Clock, Embedding, Tracklet
from throughline.settings import Site, load_site
from throughline.telemetry.metrics import Metrics
from throughline.times import after
from throughline.types import ClockSource, Image

VIEWS = 4
"""Pictures of each passage that are embedded; the one in the middle is left out, to be searched for."""


class Footage:
    """Pictures of every true passage."""

    def __init__(self, folder: Path) -> None:
        road = draw_road(folder, seed=3, seconds=40.0, fps=4.0, size=(384, 216))
        self.site: Site = load_site(road.site)
        self.fps = road.fps
        self.passages: dict[tuple[str, int], list[AiCityRow]] = {}
        for row in read_aicity(road.truth):
            self.passages.setdefault((f"c{row.camera:02}", row.id), []).append(row)
        self.passages = {key: rows for key, rows in self.passages.items() if len(rows) >= 2 * VIEWS}
        self._frames = {camera: list(_decoded(clip)) for camera, clip in road.clips.items()}

    def cut(self, camera: str, row: AiCityRow) -> Image:
        image = self._frames[camera][row.frame - 1]
        left, top = max(0, round(row.x)), max(0, round(row.y))
        return np.ascontiguousarray(image[top : round(row.y + row.height), left : round(row.x + row.width)])

    def pictures(self, key: tuple[str, int]) -> tuple[list[Image], Image]:
        """Some to remember, and one to ask for."""
        rows = self.passages[key]
        places = np.linspace(len(rows) * 0.15, len(rows) * 0.85, VIEWS + 1).round().astype(int)
        pictures = [self.cut(key[0], rows[place]) for place in places]
        middle = pictures.pop(VIEWS // 2)
        return pictures, middle


def _decoded(clip: Path) -> Iterator[Image]:
    with av.open(clip) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return Footage(tmp_path_factory.mktemp("road"))


@pytest.fixture
async def asked(footage: Footage) -> AsyncIterator[Asked]:
    workers = InferenceWorkers(1, Metrics())
    embedder = ColourHistogramEmbedder(workers)
    bus = MemoryBus()
    await bus.start()
    site = footage.site.model_copy(update={"search": footage.site.search.model_copy(update={"port": 0})})
    for (camera, vehicle), rows in footage.passages.items():
        vectors = await embedder.embed(footage.pictures((camera, vehicle))[0])
        mean = vectors.mean(axis=0)
        embedding = Embedding.of(embedder.name, embedder.hash, mean / np.linalg.norm(mean), vectors[:3])
        start, end = after(START, rows[0].frame / footage.fps), after(START, rows[-1].frame / footage.fps)
        clock = Clock(ClockSource.FILE, 0.0)
        name = f"{camera}-{vehicle}"
        await publish(bus, site, [Tracklet(site.site, camera, name, 0, "closed", start, end, clock, embeddings=(embedding,))])
    eyes = Eyes((embedder.name, embedder.hash), embedder.embed)
    try:
        async with serving([site], bus, eyes, now=lambda: START) as asked:
            yield asked
    finally:
        workers.close()


@pytest.mark.slow
async def test_a_picture_of_a_vehicle_finds_its_own_passage_and_those_at_other_cameras(footage: Footage, asked: Asked) -> None:
    own, elsewhere = [], []
    for camera, vehicle in footage.passages:
        picture = cv2.imencode(".png", footage.pictures((camera, vehicle))[1])[1].tobytes()
        status, answer = await asked.post(picture, limit="1")
        assert status == 200
        own.append(answer["vehicles"][0]["tracklets"][0]["tracklet"] == f"{camera}-{vehicle}")
        others = {other for other, same in footage.passages if same == vehicle} - {camera}
        if others:
            status, answer = await asked.post(picture, cameras=",".join(sorted(others)), limit="3")
            assert status == 200
            elsewhere.append(f"{vehicle}" in {one["tracklets"][0]["tracklet"].split("-")[1] for one in answer["vehicles"]})
    assert len(own) >= 15
    assert len(elsewhere) >= 10
    assert np.mean(own) >= 0.9, "the same passage, by another of its pictures"
    assert np.mean(elsewhere) >= 0.6, "another camera, another side and light: among the first three"
