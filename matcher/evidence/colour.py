"""Whether two sightings are of one colour."""

from __future__ import annotations

from matcher.evidence.agreement import Agreement
from matcher.evidence.term import PairBatch, Ratios
from matcher.gates import Relations
from matcher.table import SightingTable
from throughline.types import VEHICLE_COLOURS

__all__ = ["ColourTerm"]


class ColourTerm:
    """Agreement of the two colour vectors (see `Agreement`), with what cameras confuse (`CONFUSABLE_COLOURS`).

    A vehicle's colour vector is the mean over its sightings. What colours say is said by embeddings too, in part: only a share of
    the log-likelihood ratio counts.

    Args:
        doubt: Share of pairs whose colours say nothing at all.
        weight: The share that counts, 0..1.
    """

    name = "colour"
    unit = "dot product"

    def __init__(self, doubt: float, weight: float) -> None:
        self._agreement = Agreement(len(VEHICLE_COLOURS), doubt)
        self._weight = weight

    def closed(self, table: SightingTable, slot: int) -> None:
        """Counts a vehicle toward the site's shares."""
        if colour := table.at(slot).colour:
            self._agreement.count(table.colours.reading.told(int(table.camera[slot]), colour))

    def joined(self, table: SightingTable, relations: Relations, probabilities: Ratios) -> None:
        """Joins teach it nothing."""

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where a side says nothing of its colour."""
        if not batch.table.colours.users:
            return batch.silence
        ratios, batch.memo[self.name] = self._agreement.ratios(batch, batch.table.colours)
        return self._weight * ratios

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Dot product of the two mean colour vectors."""
        return float(batch.memo[self.name][comparison])
