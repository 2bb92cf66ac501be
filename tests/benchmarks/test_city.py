"""The benchmark on the city: 45 seconds of the demo's scenario, without pictures."""

from __future__ import annotations

import pytest

from benchmarks.city.association import associated
from benchmarks.city.cameras import closed_only
from benchmarks.city.drawn import City, drawn_city, shortened
from benchmarks.city.measured import identities, measured
from benchmarks.city.report import calibration_table, delay_table, links_table, quality_table
from evaluation.matching_changes import baselines
from simulation.city.storage import shipped_scenario
from throughline.messages import Progress, Tracklet


@pytest.fixture(scope="module")
def city() -> City:
    return drawn_city(shortened(shipped_scenario("demo"), 0.75))


def test_records_come_as_they_would_live(city: City) -> None:
    instants = [arrival.at for arrival in city.arrivals]
    assert instants == sorted(instants)
    states: dict[str, list[str]] = {}
    for _, record in city.arrivals:
        if isinstance(record, Tracklet):
            states.setdefault(record.tracklet, []).append(record.state)
    assert all(seen[-1] == "closed" and set(seen[1:-1]) <= {"updated"} for seen in states.values())
    assert sum(seen[0] == "opened" for seen in states.values()) > 0.8 * len(states)
    ends = [r for _, r in city.arrivals if isinstance(r, Progress) and r.end_of_stream]
    assert {end.camera for end in ends} == {camera.id for camera in city.site.cameras}
    assert len(list(closed_only(city.arrivals))) < len(city.arrivals)


def test_matching_beats_its_parts_and_not_the_ceiling(city: City) -> None:
    whole = measured(city.truth, associated(city.site, city.arrivals))
    ceiling, _ = identities(city.truth, city.truth.perfect())
    nothing, _ = identities(city.truth, {tracklet: n for n, tracklet in enumerate(city.truth.boxes)})
    assert nothing.identity.f1 + 0.15 < whole.all.identity.f1 <= ceiling.identity.f1
    assert ceiling.identity.f1 > 0.85
    for baseline in baselines():
        part, _ = identities(city.truth, associated(baseline.of(city.site), closed_only(city.arrivals)).ids(city.truth.boxes))
        assert part.identity.f1 + 0.1 < whole.all.identity.f1, baseline.name
    assert whole.judged.quantile(0.5) < 1.0
    tables = (
        quality_table([("it", whole.all, whole.several, whole)]),
        links_table(whole),
        delay_table(whole),
        calibration_table(whole),
    )
    assert all("|" in table for table in tables)
