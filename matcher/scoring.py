"""The log-odds that two sets of sightings are one vehicle, with every term's share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matcher.evidence.appearance import AppearanceTerm
from matcher.evidence.calibration import DEFAULTS, CalibrationPrior
from matcher.evidence.camera_bias import CameraBias
from matcher.evidence.colour import ColourTerm
from matcher.evidence.direction import DirectionTerm
from matcher.evidence.ground_position import GroundPositionTerm
from matcher.evidence.orientation import OrientationTerm
from matcher.evidence.prior import PriorTerm
from matcher.evidence.reranking import Reranking
from matcher.evidence.same_camera import SameCameraTerm
from matcher.evidence.term import Learner, PairBatch, Ratios, Term
from matcher.evidence.travel_time import TravelTimeTerm
from matcher.evidence.travel_window import TravelWindowTerm
from matcher.evidence.vehicle_size import VehicleSizeTerm
from matcher.evidence.vehicle_type import VehicleTypeTerm
from matcher.evidence.weights import weights_by_name
from matcher.gallery import Gallery
from matcher.gates import relate, straight
from matcher.sightings import Sighting
from matcher.table import SightingTable
from matcher.topology import Link, Topology
from matcher.witness import Witness
from throughline.messages import Evidence, Gate
from throughline.settings import EmbedderSettings, Site
from throughline.types import IntArray

__all__ = ["Join", "Scorer", "Scores"]


@dataclass(frozen=True, slots=True)
class Join:
    """What an event says about a join.

    Attributes:
        log_odds: Sum of the evidence.
        evidence: Each term.
        joined: The other vehicle's sighting that explains it: the closest one before, or behind where there is none before.
        link: The road between the two.
        travel: Seconds on it.
        gates: Gates that the two passed.
    """

    log_odds: float
    evidence: tuple[Evidence, ...]
    joined: Sighting
    link: Link
    travel: float
    gates: tuple[Gate, ...]


class Scores:
    """The log-odds of G comparisons, minus infinity where gates rejected them, and on request their reasons.

    Attributes:
        log_odds: (G,).
    """

    def __init__(self, log_odds: Ratios, batch: PairBatch, place: IntArray, weighed: Sequence[tuple[Term, Ratios]]) -> None:
        self.log_odds = log_odds
        self._batch, self._place, self._weighed = batch, place, weighed

    def explain(self, comparison: int, slot: int) -> Join:
        """Why a comparison that passed came out as it did, seen from the sighting in ``slot``, one of its right side."""
        batch, place = self._batch, int(self._place[comparison])
        evidence = tuple(
            Evidence(term.name, float(ratios[place]), term.measured(batch, place), term.unit)
            for term, ratios in self._weighed
            if not math.isnan(ratios[place])
        )
        pair = self._explaining(place, slot)
        relations, table = batch.relations, batch.table
        earlier, later = int(relations.earlier[pair]), int(relations.later[pair])
        return Join(
            sum(part.llr for part in evidence),
            evidence,
            table.at(earlier if later == batch.right[pair] else later),
            batch.topology.links[int(relations.link[pair])],
            float(relations.travel[pair]),
            relations.gates(pair, batch.topology),
        )

    def _explaining(self, place: int, slot: int) -> int:
        """The linked pair that is closest in time, with the sighting in ``slot`` as the later one where there is any.

        Two that were in view together are closest, however long they stood there.
        """
        batch, table = self._batch, self._batch.table
        relations = batch.relations
        pairs = batch.pairs(place)
        linked: list[int] = pairs[batch.linked[pairs]].tolist()
        before: list[int] = [pair for pair in linked if relations.later[pair] == slot]
        return min(
            before or linked,
            key=lambda pair: (
                max(0.0, relations.travel[pair]),
                abs(relations.travel[pair]),
                table.at(int(relations.earlier[pair])).order,
                table.at(int(relations.later[pair])).order,
            ),
        )


class Scorer:
    """Gates and weighs.

    Args:
        site: Which terms count, and the weights of the networks.
        topology: Links.
        table: The sightings.
    """

    def __init__(self, site: Site, topology: Topology, table: SightingTable) -> None:
        matching = site.matching
        self.topology, self.table = topology, table
        self.camera_bias = CameraBias()
        self.prior = PriorTerm(matching.new_vehicle_prior, topology, matching.missed_share)
        weights = weights_by_name(site.models.embedders)
        self.reranking: Reranking | None = None
        if matching.reranking.enabled:
            self.reranking = Reranking(matching.reranking, weights, matching.decision_window, topology, table)
        self.appearance = AppearanceTerm(
            weights, len(topology.links), matching.exemplar_weight, self.reranking, _priors(site.models.embedders)
        )
        self.travel_time = TravelTimeTerm(topology, matching.window_penalty)
        calibrated = table.paths is not None
        switched: tuple[tuple[Term, bool], ...] = (
            (self.prior, True),
            (self.appearance, matching.appearance),
            (self.travel_time, matching.travel_time),
            (TravelWindowTerm(matching.window_penalty, topology), bool(topology.reach.any())),
            (VehicleTypeTerm(matching.type_doubt), matching.vehicle_type),
            (ColourTerm(matching.colour_doubt, matching.colour_weight), matching.colour),
            (OrientationTerm(topology, matching.orientation_doubt, matching.orientation_confidence), matching.orientation),
            (SameCameraTerm(site, self.appearance if matching.appearance else None), matching.same_camera.enabled),
            (GroundPositionTerm(topology), matching.ground_position and calibrated),
            (VehicleSizeTerm(topology), matching.vehicle_size and calibrated),
            (DirectionTerm(topology), matching.direction and calibrated),
        )
        self._terms = tuple(term for term, on in switched if on)
        self.learners = tuple(term for term in self._terms if isinstance(term, Learner))
        self._different: dict[tuple[str, str], None] = {}
        self.witness: Witness | None = None

    @property
    def looks_count(self) -> bool:
        """Whether appearance is weighed."""
        return self.appearance in self._terms

    def among(self, gallery: Gallery) -> None:
        """Sightings of this gallery, as it stands now, are what is decided among; to be said again when it has changed."""
        if self.reranking is not None:
            self.reranking.among(gallery)

    def say(self, first: str, second: str, *, same: bool) -> None:
        """An operator's word about two tracklets; the latest counts."""
        pair = (min(first, second), max(first, second))
        if same:
            self._different.pop(pair, None)
        else:
            self._different[pair] = None

    def forget(self, tracklet: str) -> None:
        """Drops what was said about a tracklet."""
        for pair in [pair for pair in self._different if tracklet in pair]:
            del self._different[pair]

    def score(self, lefts: IntArray, rights: IntArray) -> Scores:
        """The log-odds that two sets of sightings show one vehicle, for G such comparisons.

        Args:
            lefts: (G, M) slots, -1 for none, by start.
            rights: (G, N) slots, likewise.
        """
        all_lefts, all_rights = lefts, rights
        if rights.shape[1] == 1:  # all of them are there
            group, of_left = np.nonzero(lefts >= 0)
            left, right = lefts[group, of_left], rights[group, 0]
        else:
            group, of_right, of_left = np.nonzero((lefts >= 0)[:, None, :] & (rights >= 0)[:, :, None])
            left, right = lefts[group, of_left], rights[group, of_right]
        relations = straight(relate(self.table, self.topology, left, right), group, self.topology)
        impossible = relations.impossible
        if self._different:
            impossible = impossible | self.said_different(left, right)
        passed = np.bincount(group[relations.link >= 0], minlength=len(lefts)) > 0
        passed &= np.bincount(group[impossible], minlength=len(lefts)) == 0
        place = np.cumsum(passed) - 1
        if not passed.all():
            which = passed[group]
            group, left, right = place[group[which]], left[which], right[which]
            relations, lefts, rights = relations.only(which), lefts[passed], rights[passed]
        batch = PairBatch(self.table, self.topology, lefts, rights, group, left, right, relations)
        log_odds = np.full(len(passed), -np.inf)
        weighed: list[tuple[Term, Ratios]] = []
        if len(batch):
            total = np.zeros(len(batch))
            for term in self._terms:
                ratios = term.weigh(batch)
                if ratios is not batch.silence:
                    total = total + np.where(np.isnan(ratios), 0.0, ratios)
                    weighed.append((term, ratios))
            log_odds[passed] = total
        scores = Scores(log_odds, batch, place, weighed)
        if self.witness is not None:
            self.witness.compared(all_lefts, all_rights, scores)
        return scores

    def said_different(self, left: IntArray, right: IntArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which of P pairs of slots an operator keeps apart."""
        names = zip((self.table.at(slot).id for slot in left), (self.table.at(slot).id for slot in right), strict=True)
        said = [(min(one, other), max(one, other)) in self._different for one, other in names]
        return np.array(said, np.bool_)


def _priors(members: Sequence[EmbedderSettings]) -> dict[str, CalibrationPrior]:
    """Where calibrations begin: as shipped, or as the site file says."""
    given = {
        member.name: CalibrationPrior(member.similarity.different, member.similarity.same, member.similarity.deviation)
        for member in members
        if member.similarity is not None
    }
    return {**DEFAULTS, **given}
