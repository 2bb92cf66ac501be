"""Who looks on while the matcher decides: the seam for traces, which change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from throughline.types import IntArray

if TYPE_CHECKING:  # they know their witness
    from matcher.posterior import Posterior
    from matcher.scoring import Scores
    from matcher.sightings import Sighting
    from throughline.messages import MatchEvent

__all__ = ["Witness"]


class Witness(Protocol):
    """Is told of every comparison and every decision. The matcher's state cannot be taken while there is one."""

    def begin(self) -> None:
        """A step begins: slots of the table may stand for other sightings than before."""

    def compared(self, lefts: IntArray, rights: IntArray, scores: Scores) -> None:
        """Sets of sightings were compared; arguments as of `matcher.scoring.Scorer.score`, and its answer."""

    def decided(self, event: MatchEvent, sighting: Sighting, found: Posterior) -> None:
        """An event follows from what was compared in this step."""
