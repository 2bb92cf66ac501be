"""Re-ranking of looks by shared neighbours, as the site file configures it."""

from __future__ import annotations

from pydantic import Field

from throughline.settings._fields import Section

__all__ = ["RerankingSettings"]


class RerankingSettings(Section):
    """Re-ranking of looks by the neighbours that two tracklets share (k-reciprocal encoding, Zhong et al. 2017)."""

    enabled: bool = Field(False, description="Weigh whether two tracklets look like the same others, beside how alike they look.")
    k1: int = Field(20, ge=1, description="Neighbours looked at, at most; among n candidates 1 + the square root of n.")
    k2: int = Field(6, ge=1, description="Neighbours whose neighbours are averaged, where k1 are looked at; fewer in proportion.")
    lambda_: float = Field(
        0.3,
        alias="lambda",
        ge=0,
        le=1,
        description="Weight of how alike the two look; more where fewer than k1 neighbours are looked at.",
    )
    candidates: int = Field(
        64,
        ge=2,
        le=1000,
        description="Candidates that are compared with each other, at most: the nearest in event time. This bounds the work.",
    )
