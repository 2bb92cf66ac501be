"""Footage with known truth where no real clip is at hand: three cameras along a drawn road."""

from simulation.drawn_road.footage import DrawnRoad, draw_road

__all__ = ["DrawnRoad", "draw_road"]
