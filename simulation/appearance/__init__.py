"""Appearance without pixels: what networks would say of vehicles that nobody has drawn, as well as is stated and not better."""

from simulation.appearance.attributes import CONFUSIONS, DrawnAttributes
from simulation.appearance.crops import Crops
from simulation.appearance.detections import DetectorModel, DrawnDetections
from simulation.appearance.embeddings import DrawnEmbeddings
from simulation.appearance.shares import AppearanceModel, Shares
from simulation.appearance.tracks import looks_of_tracks

__all__ = [
    "CONFUSIONS",
    "AppearanceModel",
    "Crops",
    "DetectorModel",
    "DrawnAttributes",
    "DrawnDetections",
    "DrawnEmbeddings",
    "Shares",
    "looks_of_tracks",
]
