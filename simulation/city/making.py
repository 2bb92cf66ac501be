"""Makes a scenario anew: SUMO drives a plan, and its ways become the scenario's. Needs SUMO."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from simulation.city.passages import passages, travel_times
from simulation.city.plans.demo import demo_plan
from simulation.city.plans.load import load_plan
from simulation.city.plans.plan import Plan
from simulation.city.plans.standard import standard_plan
from simulation.city.scenario import Scenario
from simulation.city.sumo.roads import roads_of
from simulation.city.sumo.run import drive
from simulation.city.sumo.ways import trajectories
from simulation.city.truth import annotated
from simulation.city.visibility import all_sightings

__all__ = ["SEEDS", "make_scenario", "make_shipped"]

SEEDS: Final = {"demo": 7, "standard": 11, "load": 5}
"""What the shipped scenarios were made from."""

_PLANS: Final = {"demo": demo_plan, "standard": standard_plan, "load": load_plan}

LINK_FPS = 10.0
"""Frames a second by which travel times are measured."""


def make_scenario(plan: Plan, seed: int) -> Scenario:
    """Lets a plan drive.

    Raises:
        SumoError: SUMO is missing, or refused the plan.
    """
    driven = drive(plan.network, plan.trips, plan.lead + plan.seconds, plan.step, seed, lateral=plan.lateral)
    vehicles = {trip.vehicle.number: trip.vehicle for trip in plan.trips}
    fronts = {number: rows[rows[:, 0] >= plan.lead] - (plan.lead, 0, 0, 0) for number, rows in driven.fronts.items()}
    fronts = {number: rows for number, rows in fronts.items() if len(rows) > 1}
    ways = trajectories(fronts, vehicles, None if plan.everywhere else plan.cameras, plan.every)
    seen = {way.vehicle for way in ways}
    roads = roads_of(driven.net) if plan.drawn else ()
    scenario = Scenario(
        plan.name,
        plan.seconds,
        plan.cameras,
        roads,
        {number: vehicle for number, vehicle in sorted(vehicles.items()) if number in seen},
        ways,
        seed=seed,
    )
    return replace(scenario, links=travel_times(passages(map(annotated, all_sightings(scenario, LINK_FPS)))))


def make_shipped(name: str, seed: int | None = None) -> Scenario:
    """Makes one of the shipped scenarios anew: the same again with the same SUMO, or another with another seed.

    Raises:
        SumoError: SUMO is missing, or refused the plan.
        KeyError: there is no plan of this name.
    """
    chosen = SEEDS[name] if seed is None else seed
    return make_scenario(_PLANS[name](chosen), chosen)
