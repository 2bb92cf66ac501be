"""Search by picture, as the site file configures it."""

from __future__ import annotations

from pydantic import Field

from throughline.settings._fields import Seconds, Section

__all__ = ["SearchSettings"]


class SearchSettings(Section):
    """The history of how vehicles looked, and the address at which it is asked."""

    enabled: bool = Field(True, description="Serve searches beside the matcher.")
    host: str = Field(
        "127.0.0.1", description="Address that searches are served on. Whoever reaches it may ask: 0.0.0.0 serves the network."
    )
    port: int = Field(9470, ge=0, le=65535, description="Port that searches are served on; 0: any free one.")
    keep: Seconds = Field(86400.0, gt=0, description="How long a vehicle can be found after it was last seen.")
    max_vectors: int = Field(
        200_000,
        ge=100,
        description="Vectors kept in memory at most (one of 512 numbers takes 2 kB); the oldest go first, and are counted.",
    )
    exemplars: int = Field(3, ge=0, le=16, description="Single views of a tracklet kept beside its mean, where there are any.")
    approximate_above: int = Field(
        50_000,
        ge=1000,
        description="Vectors of one model from which on an approximate index is used, where faiss is installed; below, and "
        "without faiss, search is exact.",
    )
    max_picture: int = Field(16_000_000, ge=1000, description="Largest picture that is searched for, in bytes.")
