"""Fitting of vehicle detectors."""
