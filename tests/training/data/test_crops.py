"""Several sources as one set, and labels as numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.data import UNKNOWN, LabelledCrop, combine
from training.errors import DataError


def crop(vehicle: str, camera: str = "1", sequence: str = "", frame: int = UNKNOWN, **labels: str) -> LabelledCrop:
    return LabelledCrop(Path(f"{vehicle}-{camera}.jpg"), vehicle, camera, labels, sequence, frame)


def test_vehicles_of_the_second_source_are_numbered_after_those_of_the_first() -> None:
    city = [crop("b", "1"), crop("a", "2"), crop("b", "2")]
    cars = [crop("a", "1"), crop("c", "1")]
    found = combine([("city", city), ("cars", cars)])
    assert found.vehicles.tolist() == [1, 0, 1, 2, 3]
    assert found.names == ("city:a", "city:b", "cars:a", "cars:c")
    assert found.cameras.tolist() == [0, 1, 1, 2, 2]
    assert found.sources.tolist() == [0, 0, 0, 1, 1]
    assert found.classified == 4
    assert len(found) == 5


def test_query_and_gallery_of_one_set_share_vehicles_and_cameras() -> None:
    found = combine([("set", [crop("a", "1"), crop("b", "1")]), ("set", [crop("b", "2"), crop("c", "1")])])
    assert found.vehicles.tolist() == [0, 1, 1, 2]
    assert found.cameras.tolist() == [0, 0, 1, 0]


def test_unclassified_vehicles_are_numbered_last() -> None:
    found = combine([("single", [crop("a"), crop("b")]), ("known", [crop("a"), crop("c")])], unclassified={0})
    assert found.vehicles.tolist() == [2, 3, 0, 1]
    assert found.classified == 2


def test_sequences_and_frames() -> None:
    found = combine([("one", [crop("a", sequence="s", frame=4), crop("b")]), ("two", [crop("a", sequence="s", frame=9)])])
    assert found.sequences.tolist() == [0, UNKNOWN, 1]
    assert found.frames.tolist() == [4, UNKNOWN, 9]


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="hold no pictures"):
        combine([("one", [])])


def test_labels_become_numbers_with_aliases_unknown_and_unsure() -> None:
    labels = ["red", "blue", "crimson", "", "none", "red?", "crimson?"]
    crops = combine([("one", [crop(str(n), colour=label) for n, label in enumerate(labels)] + [crop("7")])])
    found = crops.attribute("colour", ["blue", "red"], aliases={"crimson": "red", "none": None}, unsure_weight=0.25)
    assert found.classes.tolist() == [1, 0, 1, UNKNOWN, UNKNOWN, 1, 1, UNKNOWN]
    assert found.certainty.tolist() == [1, 1, 1, 1, 1, 0.25, 0.25, 1]
    assert found.certainty.dtype == np.float32


def test_a_label_that_the_recipe_does_not_know_is_named() -> None:
    crops = combine([("one", [crop("a", colour="mauve")])])
    with pytest.raises(DataError, match=r"a-1\.jpg: its colour is 'mauve'; the recipe knows blue, red"):
        crops.attribute("colour", ["blue", "red"])
    with pytest.raises(DataError, match="no picture tells its type"):
        crops.attribute("type", ["car", "bus"])
