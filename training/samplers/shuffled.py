"""Every picture once an epoch, in a random order."""

from __future__ import annotations

from training.errors import DataError
from training.randomness import generator
from training.samplers.identities import Indices

__all__ = ["ShuffledSampler"]


class ShuffledSampler:
    """Shuffles the pictures anew in each epoch; what is left over at its end, less than a batch, is dropped.

    Args:
        pictures: How many there are.
        batch: Pictures in a batch.
        seed: The recipe's.

    Raises:
        DataError: there are fewer pictures than a batch takes.
    """

    def __init__(self, pictures: int, batch: int, seed: int) -> None:
        if pictures < batch:
            raise DataError(f"a batch of {batch} pictures is asked for, and there are {pictures} in all")
        self._pictures, self._batch, self._seed = pictures, batch, seed

    @property
    def steps_per_epoch(self) -> int:
        """Batches in which every picture comes once."""
        return self._pictures // self._batch

    def indices(self, step: int) -> Indices:
        """(batch,) numbers of pictures."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order: Indices = generator(self._seed, "pictures", epoch).permutation(self._pictures)
        return order[place * self._batch : (place + 1) * self._batch]
