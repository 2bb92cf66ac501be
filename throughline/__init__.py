"""Throughline follows vehicles across cameras, live."""

__all__ = ["__version__"]

__version__ = "0.1.0"
