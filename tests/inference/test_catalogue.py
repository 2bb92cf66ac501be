"""What a model in the site file stands for."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from inference import catalogue
from inference.catalogue import CATALOGUE, CatalogueEntry, Resolution, cache_folder, find, locate, model_folders, resolve
from inference.engines.protocol import sha256_of
from inference.errors import ModelError


@pytest.fixture
def nano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CatalogueEntry:
    """A catalogue whose yolox-nano is a file of a few bytes, which lies in the folder `second`."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "yolox_nano.onnx").write_bytes(b"weights")
    entry = dataclasses.replace(find("yolox-nano"), sha256=sha256_of(tmp_path / "second" / "yolox_nano.onnx"))
    others = tuple(one for one in CATALOGUE if one.name != entry.name)
    monkeypatch.setattr(catalogue, "CATALOGUE", (*others, entry))
    return entry


def test_entries_are_complete() -> None:
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)
    for entry in CATALOGUE:
        assert entry.name != "default"
        assert entry.description
        assert entry.licence
        if entry.file is not None:
            assert entry.input_size is not None
            if entry.source is None:  # it comes with the product
                assert locate(entry, model_folders({})[-1:]) is not None
            else:
                assert entry.source.startswith("https://")
                assert entry.source.endswith(entry.file)
            for sha256 in (entry.sha256, *entry.other_sha256):
                assert sha256 is None or re.fullmatch("[0-9a-f]{64}", sha256)


@pytest.mark.shared_data
def test_the_file_at_hand_is_one_that_the_catalogue_knows(shared_data: Path) -> None:
    assert find("yolox-nano").accepts(sha256_of(shared_data / "models" / "yolox_nano.onnx"))


def test_other_files_of_the_network_are_used_where_they_are_found(tmp_path: Path, nano: CatalogueEntry) -> None:
    other = dataclasses.replace(nano, sha256="0" * 64, other_sha256=(nano.sha256 or "",))
    assert locate(other, [tmp_path / "second"]) == tmp_path / "second" / "yolox_nano.onnx"
    with pytest.raises(ModelError, match="its SHA-256 differs"):
        locate(dataclasses.replace(other, other_sha256=()), [tmp_path / "second"])


def test_the_site_files_path_comes_before_all_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"weights")
    assert resolve(str(path), "detector", [tmp_path]) == Resolution("mine", path)


def test_a_file_name_in_the_current_folder_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    assert resolve("mine.onnx", "embedder", []) == Resolution("mine", Path("mine.onnx"))


@pytest.mark.parametrize("model", ["models/none.onnx", "none.onnx", "/none"])
def test_a_path_that_leads_nowhere_gets_one_clear_line(model: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolve(model, "detector", [])
    assert str(caught.value).startswith(f"{model}: no such model file (detector)")
    assert "throughline models list" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_are_looked_for_in_the_folders_in_their_order(tmp_path: Path, nano: CatalogueEntry) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    assert resolve("yolox-nano", "detector", folders).path == tmp_path / "second" / "yolox_nano.onnx"
    (tmp_path / "first" / "yolox_nano.onnx").write_bytes(b"weights")
    assert resolve("yolox-nano", "detector", folders).path == tmp_path / "first" / "yolox_nano.onnx"


def test_a_file_with_another_checksum_is_refused_and_not_passed_over(tmp_path: Path, nano: CatalogueEntry) -> None:
    (tmp_path / "first" / "yolox_nano.onnx").write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"first/yolox_nano\.onnx is not the yolox-nano of the catalogue: its SHA-256 differs"):
        resolve("yolox-nano", "detector", [tmp_path / "first", tmp_path / "second"])


def test_a_named_file_that_is_nowhere_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"get it with `throughline models pull yolox-s`.*THROUGHLINE_MODELS"):
        resolve("yolox-s", "detector", [tmp_path])


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(
        ModelError, match=r"no model is called 'yolov9'; the catalogue has motion, vehicle-detector, yolox-nano, "
    ):
        resolve("yolov9", "detector", [])


def test_a_detector_is_not_taken_for_an_embedder() -> None:
    with pytest.raises(
        ModelError, match=r"works as detector, not as embedder; use vehicle-embedder, colour-histogram, .*or the path"
    ):
        resolve("yolox-nano", "embedder", [])


def test_built_in_models_need_no_file() -> None:
    assert resolve("motion", "detector", []) == Resolution("motion", None)
    assert resolve("colour-histogram", "embedder", []) == Resolution("colour-histogram", None)


def test_the_default_detector_is_the_best_at_hand_and_says_which(tmp_path: Path, nano: CatalogueEntry) -> None:
    found = resolve("default", "detector", [tmp_path / "second"])
    assert (found.name, found.path) == ("yolox-nano", tmp_path / "second" / "yolox_nano.onnx")
    assert "default detector: yolox-nano" in found.note
    without = resolve("default", "detector", [tmp_path / "first"])
    assert (without.name, without.path) == ("motion", None)
    assert "throughline models pull yolox-nano" in without.note


def test_the_detector_that_comes_with_the_product_comes_before_others(tmp_path: Path, nano: CatalogueEntry) -> None:
    found = resolve("default", "detector", [tmp_path / "second", model_folders({})[-1]])
    assert found.name == "vehicle-detector"
    assert "default detector: vehicle-detector" in found.note


def test_the_default_embedder_says_that_it_has_no_weights() -> None:
    found = resolve("default", "embedder", [])
    assert (found.name, found.path) == ("colour-histogram", None)
    assert "colour-histogram" in found.note


def test_folders_come_from_the_environment_then_the_cache_then_the_product() -> None:
    environment = {"THROUGHLINE_MODELS": "/a:/b", "XDG_CACHE_HOME": "/cache"}
    folders = model_folders(environment)
    assert folders[:3] == (Path("/a"), Path("/b"), Path("/cache/throughline/models"))
    assert folders[3:] == (Path(catalogue.__file__).parent / "weights",)
    assert cache_folder({}) == Path.home() / ".cache" / "throughline" / "models"
