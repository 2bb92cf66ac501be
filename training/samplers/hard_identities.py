"""P x K with vehicles that the network confuses side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.errors import DataError
from training.randomness import generator
from training.samplers.identities import IdentitySampler, Indices

__all__ = ["HardIdentitySampler"]


class HardIdentitySampler(IdentitySampler):
    """P x K in which each anchor brings vehicles that look like it.

    A batch has ``anchors`` vehicles in the order of `IdentitySampler`; the others are drawn, in equal numbers for each
    anchor, from the ``nearest`` share of the vehicles most like it. How alike two vehicles are is the cosine of their rows in
    the classifier. Until `look_like` is told of it, batches are those of `IdentitySampler`.

    Args:
        vehicles: (N,) vehicle of each picture, numbered like the classifier's rows.
        identities: P, a multiple of ``anchors``.
        images: K.
        seed: The recipe's.
        anchors: Vehicles a batch that are not chosen for their looks.
        nearest: Share of all vehicles that counts as near, in 0..1; at least as many as are needed.

    Raises:
        DataError: there are fewer than P vehicles, or P is no multiple of the anchors.
    """

    def __init__(
        self, vehicles: Indices, identities: int, images: int, seed: int, *, anchors: int, nearest: float = 0.05
    ) -> None:
        super().__init__(vehicles, identities, images, seed)
        if identities % anchors:
            raise DataError(f"{identities} vehicles a batch are no multiple of {anchors} anchors")
        self._anchors, self._nearest = anchors, nearest
        self._near: Indices | None = None

    @property
    def near(self) -> Indices | None:
        """(vehicles, M) those most like each, most alike first; None as long as that is not known."""
        return self._near

    def look_like(self, prototypes: npt.NDArray[np.float32]) -> None:
        """Learns which vehicles look alike.

        Args:
            prototypes: (V, D) one row for each number of a vehicle, as the classifier's weights are.
        """
        rows = prototypes[self._numbers].astype(np.float64)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        alike = rows @ rows.T
        np.fill_diagonal(alike, -np.inf)
        least = self._identities - 1  # so that an anchor's last choice is still free when the batch is otherwise full
        count = min(max(least, round(self._nearest * len(self._numbers))), len(self._numbers) - 1)
        self.restore(self._numbers[np.argsort(-alike, axis=1, kind="stable")[:, :count]])

    def restore(self, near: Indices | None) -> None:
        """Goes on with what `near` was."""
        self._near = near

    def vehicles(self, step: int) -> Indices:
        """(P,) vehicles of a step: each anchor, followed by those drawn for it."""
        if self._near is None:
            return super().vehicles(step)
        epoch, place = divmod(step, len(self._numbers) // self._anchors)
        order = generator(self._seed, "identities", epoch).permutation(self._numbers)
        anchors = order[place * self._anchors : (place + 1) * self._anchors].tolist()
        random = generator(self._seed, "near identities", step)
        taken = set(anchors)
        batch: list[int] = []
        for anchor in anchors:
            near = self._near[np.searchsorted(self._numbers, anchor)]
            free = [vehicle for vehicle in near.tolist() if vehicle not in taken]
            chosen = random.choice(free, self._identities // self._anchors - 1, replace=False).tolist()
            taken.update(chosen)
            batch += [anchor, *chosen]
        return np.array(batch, np.int64)
