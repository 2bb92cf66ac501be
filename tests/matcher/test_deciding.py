import multiprocessing
from concurrent.futures.process import BrokenProcessPool

import pytest

from matcher.deciding import MatcherWorker
from matcher.engine import Matcher
from tests.support.traffic import chain_site, drive, streamed
from throughline.messages import Tracklet, encode_record


@pytest.mark.parametrize("own_process", [False, True], ids=["thread", "process"])
async def test_a_worker_decides_as_the_matcher_does(own_process: bool) -> None:
    site = chain_site()
    records = streamed(site, drive(site, 12, seed=5))
    matcher = Matcher(site)
    expected = [event for record in records for event in matcher.process(record)]
    assert expected
    worker = MatcherWorker(site, own_process=own_process)
    try:
        values = [encode_record(record) for record in records]
        half = len(values) // 2
        first, second = await worker.decide([*values[:half], b"rubbish"]), await worker.decide(values[half:])
    finally:
        worker.close()
    assert [event for decided in (*first.decided, *second.decided) for event in decided.events] == expected
    assert first.decided[-1].at is None
    assert first.decided[-1].error
    assert second.statistics == matcher.statistics


async def test_a_worker_whose_process_dies_says_so() -> None:
    others = set(multiprocessing.active_children())  # of tests before, on their way out
    worker = MatcherWorker(chain_site(), own_process=True)
    try:
        await worker.decide([])
        (child,) = set(multiprocessing.active_children()) - others
        child.kill()
        child.join(30)
        with pytest.raises(BrokenProcessPool):
            await worker.decide([])
    finally:
        worker.close()


@pytest.mark.parametrize("own_process", [False, True], ids=["thread", "process"])
async def test_a_worker_tells_candidates_as_the_matcher_does(own_process: bool) -> None:
    site = chain_site()
    records = streamed(site, drive(site, 6, seed=5))[:160]
    matcher = Matcher(site)
    for record in records:
        matcher.process(record)
    name = next(record.tracklet for record in records if isinstance(record, Tracklet) and record.camera == "c2")
    worker = MatcherWorker(site, own_process=own_process)
    try:
        await worker.decide([encode_record(record) for record in records])
        found = await worker.candidates(name, 5)
        assert found is not None
        assert found.candidates
        assert found == matcher.candidates(name, 5)
        assert await worker.candidates("nobody", 5) is None
    finally:
        worker.close()
