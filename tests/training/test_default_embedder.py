"""The recipe of the embedder that ships, and of the heads on its trunk, on a small backbone and drawn vehicles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.embedder_quality import HELD_OUT
from inference.networks.weights import load_network
from training.appearance import AppearanceRecipe
from training.data.sources import CropsSource, read_source
from training.errors import DataError, RecipeError
from training.loop.curves import read_curve
from training.recipe_file import load_recipe
from training.run import train

SMALL = (
    "network.options={backbone: test_efficientnet, input_size: [48, 48], embedding_size: 16}",
    "augmentation.stretch=[48, 48]",
    "fitting.steps=8",
    "fitting.schedule.warm_up.steps=2",
    "fitting.log_every=4",
    "fitting.device=cpu",
    "fitting.threads=1",
)


@pytest.fixture(scope="module")
def embedder(drawn_sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the network that the recipe fitted to drawn vehicles, some of them not classified."""
    folder = tmp_path_factory.mktemp("embedder")
    crops = f"layout: crops, path: {drawn_sets}"
    sources = f"[{{{crops}/train, sequence: sequence, frame: frame}}, {{{crops}/test, classified: false}}]"
    parts = "[{identities: 4, images: 2}, {identities: 2, images: 2}]"
    overrides = (*SMALL, f"data.training={sources}", f"sampling.parts={parts}")
    trained = train("reid", "default-embedder", folder, data=drawn_sets, overrides=overrides)
    assert trained.fitted.complete
    return folder


def test_the_recipe_learns_identity_type_and_contrast_together(embedder: Path) -> None:
    rows = read_curve(embedder / "training.csv")
    assert set(rows[-1]) == {"step", "rate", "loss", "identity", "triplet", "contrastive", "type"}
    assert rows[-1]["loss"] < rows[0]["loss"]
    network, facts = load_network(embedder / "network.pt")
    assert facts["type classes"] == "car,motorcycle,bus,truck"
    with torch.no_grad():
        given = network(torch.zeros(2, 3, 48, 48))
    assert given["identity"].shape == (2, 8)  # the vehicles of the second source are not told apart by the classifier


def test_further_views_change_the_trunk_and_not_who_is_told_apart(
    embedder: Path, drawn_sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDER", str(embedder / "network.pt"))
    crops = f"layout: crops, path: {drawn_sets}"
    sources = f"[{{{crops}/train, sequence: sequence, frame: frame}}, {{{crops}/test, least_pictures: 3, classified: false}}]"
    parts = "[{identities: 4, images: 2}, {identities: 2, images: 4}]"
    overrides = (*SMALL, "network.frozen_stages=1", f"data.training={sources}", f"sampling.parts={parts}")
    assert train("reid", "default-embedder-views", tmp_path, data=drawn_sets, overrides=overrides).fitted.complete
    before, _ = load_network(embedder / "network.pt")
    after, facts = load_network(tmp_path / "network.pt")
    assert facts["recipe"] == "default-embedder-views"
    old, new = before.state_dict(), after.state_dict()
    classifiers = [name for name in old if name.endswith("classifier.weight")]
    assert classifiers
    for name in classifiers:  # it went on from the very classifier, for the vehicles are the same
        assert float(torch.cosine_similarity(new[name].flatten(), old[name].flatten(), dim=0)) > 0.8
    first, last = (next(name for name in old if name.startswith(f"backbone.stages.{stage}.")) for stage in (0, 3))
    assert torch.equal(new[first], old[first])
    assert not torch.equal(new[last], old[last])


@pytest.mark.parametrize(("kind", "classes"), [("colour", "[red, green, blue, white]"), ("orientation", None)])
def test_a_further_head_leaves_embedding_and_type_as_they_are(
    kind: str, classes: str | None, embedder: Path, drawn_sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDER", str(embedder / "network.pt"))
    source = f"[{{layout: crops, path: {drawn_sets}/train}}]"
    overrides = [
        *(override for override in SMALL if not override.startswith("augmentation.stretch")),
        f"data.training={source}",
        f"data.validation.query={source}",
        "sampling.batch=16",
    ]
    if classes:
        overrides.append(f"attributes.{kind}.classes={classes}")
    assert train(kind, f"default-embedder-{kind}", tmp_path, data=drawn_sets, overrides=overrides).fitted.complete  # type: ignore[arg-type]  # a Kind
    before, _ = load_network(embedder / "network.pt")
    after, _ = load_network(tmp_path / "network.pt")
    pictures = torch.randn(4, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        old, new = before(pictures), after(pictures)
    for name in ("embedding", "type"):
        torch.testing.assert_close(new[name], old[name], rtol=0, atol=0)
    assert new[kind].shape == (4, 4 if classes else 8)
    assert float(new[kind].std()) > 0


@pytest.mark.parametrize("name", ["default-embedder", "default-embedder-views"])
def test_what_is_held_out_is_two_fifths_of_the_vehicles_and_whole_recordings(name: str) -> None:
    recipe = load_recipe(name, AppearanceRecipe, overrides=HELD_OUT, variables={"DATA": "/data"})
    pairs, tracklets, *others = recipe.data.training
    assert pairs.fold is not None
    assert pairs.fold.of - len(pairs.fold.take) == 4
    assert isinstance(tracklets, CropsSource)
    assert len(tracklets.without_sequences) == 3
    assert not any(source.classified for source in others)


def test_recordings_are_left_out_by_name(drawn_sets: Path) -> None:
    source = CropsSource(layout="crops", path=drawn_sets / "train", sequence="sequence", without_sequences=("s0",))
    everything = read_source(source.model_copy(update={"without_sequences": ()}))
    kept = read_source(source)
    assert {crop.sequence for crop in kept} == {crop.sequence for crop in everything} - {"s0"}
    assert len(kept) == np.sum([crop.sequence != "s0" for crop in everything])
    with pytest.raises(DataError, match="`without_sequences` names s9"):
        read_source(source.model_copy(update={"without_sequences": ("s9",)}))


def test_a_part_that_the_network_does_not_have_cannot_stay_as_it_is(drawn_sets: Path, tmp_path: Path) -> None:
    source = f"[{{layout: crops, path: {drawn_sets}/train}}]"
    overrides = (
        *SMALL,
        f"data.training={source}",
        "sampling.parts=[{identities: 4, images: 2}]",
        "network.frozen_parts=[trunk]",
    )
    with pytest.raises(RecipeError, match=r"has no trunk; its parts are backbone, standardise, neck, heads"):
        train("reid", "default-embedder", tmp_path, data=drawn_sets, overrides=overrides)
