"""A city with known truth: its streets, its cameras, and who drives where."""

from simulation.city.cameras import CityCamera
from simulation.city.fleet import BODIES, Body, CityVehicle
from simulation.city.scenario import Road, Scenario, Trajectory
from simulation.city.sightings import Sightings

__all__ = ["BODIES", "Body", "CityCamera", "CityVehicle", "Road", "Scenario", "Sightings", "Trajectory"]
