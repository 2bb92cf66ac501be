"""Pictures of vehicles on disk, in the layouts of public sets and in our own, several of them as one set."""

from training.data.crops import UNKNOWN, AttributeLabels, CropSet, LabelledCrop, combine
from training.data.sources import SourceSettings, read_source

__all__ = ["UNKNOWN", "AttributeLabels", "CropSet", "LabelledCrop", "SourceSettings", "combine", "read_source"]
