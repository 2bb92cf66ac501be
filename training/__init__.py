"""Fitting the networks: data, samplers, losses, schedules, recipes, export."""
