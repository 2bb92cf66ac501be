"""Pixels to numbers: engines, batcher, detectors, embedders and the model catalogue."""
