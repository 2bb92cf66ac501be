"""What goes wrong with models, in words a user can act on."""

from __future__ import annotations

__all__ = ["InferenceError", "ModelError"]


class ModelError(Exception):
    """A model cannot be used; one line says which, why and what to do."""


class InferenceError(Exception):
    """A loaded model failed on one request; the next request may well succeed."""
