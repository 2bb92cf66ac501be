"""Whether two sightings are of one type of vehicle."""

from __future__ import annotations

from matcher.evidence.agreement import Agreement
from matcher.evidence.term import PairBatch, Ratios
from matcher.gates import Relations
from matcher.readings import TYPES
from matcher.table import SightingTable

__all__ = ["VehicleTypeTerm"]


class VehicleTypeTerm:
    """Agreement of the two type vectors (see `Agreement`). A vehicle's type vector is the mean over its sightings.

    Args:
        doubt: Share of pairs whose types say nothing at all.
    """

    name = "vehicle_type"
    unit = "dot product"

    def __init__(self, doubt: float) -> None:
        self._agreement = Agreement(len(TYPES), doubt)

    def closed(self, table: SightingTable, slot: int) -> None:
        """Counts a vehicle toward the site's shares."""
        if types := table.at(slot).types:
            said = [types.get(name, 0.0) for name in TYPES]
            self._agreement.count(table.types.reading.told(int(table.camera[slot]), said))

    def joined(self, table: SightingTable, relations: Relations, probabilities: Ratios) -> None:
        """Joins teach it nothing."""

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where a side says nothing of its type."""
        if not batch.table.types.users:
            return batch.silence
        ratios, batch.memo[self.name] = self._agreement.ratios(batch, batch.table.types)
        return ratios

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Dot product of the two mean type vectors."""
        return float(batch.memo[self.name][comparison])
