from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.tensorrt.plans import Plan, PlanCache, PlanKey, plan_folder

KEY = PlanKey("ab" * 32, "tensorrt", "11.4.0.106", "sm90", "13.2", "float16", 16, ("workspace 4294967296",))
PLAN = Plan(b"\n a plan \n with lines", ("embedding", "type"), {"mean": "0,0,0", "type classes": "car,bus"})


@pytest.fixture
def cache(tmp_path: Path) -> PlanCache:
    return PlanCache(tmp_path / "cache" / "plans")


def test_what_is_stored_comes_back(cache: PlanCache) -> None:
    assert cache.load(KEY) == (None, "missing")
    path = cache.store(KEY, PLAN)
    assert path == cache.path(KEY)
    assert cache.load(KEY) == (PLAN, "cached")


def test_nobody_else_may_read_or_write(cache: PlanCache) -> None:
    path = cache.store(KEY, PLAN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"version": "11.4.1.0"}, "stale"),
        ({"driver": "13.3"}, "stale"),
        ({"options": ("workspace 1",)}, "stale"),
        ({"gpu": "sm100"}, "missing"),
        ({"precision": "int8"}, "missing"),
        ({"max_batch": 8}, "missing"),
        ({"flavour": "tensorrt-rtx"}, "missing"),
        ({"graph": "cd" * 32}, "missing"),
    ],
)
def test_a_plan_of_another_key_is_not_used(cache: PlanCache, change: dict[str, Any], state: str) -> None:
    cache.store(KEY, PLAN)
    assert cache.load(replace(KEY, **change)) == (None, state)


def test_a_stale_plan_gives_way_to_the_new_one(cache: PlanCache) -> None:
    cache.store(KEY, PLAN)
    newer = replace(KEY, version="11.5.0.1")
    cache.store(newer, replace(PLAN, content=b"newer"))
    assert cache.load(KEY) == (None, "stale")
    assert cache.load(newer)[1] == "cached"
    assert len(list(cache.folder.iterdir())) == 1


def test_a_file_of_another_network_under_this_name_is_foreign(cache: PlanCache) -> None:
    other = replace(KEY, graph=KEY.graph[:16] + "0" * 48)
    cache.store(other, PLAN)
    assert cache.load(KEY) == (None, "foreign")


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_plan_that_others_may_write_is_not_loaded(cache: PlanCache, mode: int) -> None:
    cache.store(KEY, PLAN).chmod(mode)
    assert cache.load(KEY) == (None, "foreign")


def test_a_plan_of_another_user_is_not_loaded(cache: PlanCache, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = cache.store(KEY, PLAN).stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    assert cache.load(KEY) == (None, "foreign")


def test_a_link_to_a_plan_elsewhere_is_not_followed(cache: PlanCache, tmp_path: Path) -> None:
    path = cache.store(KEY, PLAN)
    path.rename(tmp_path / "elsewhere.plan")
    path.symlink_to(tmp_path / "elsewhere.plan")
    assert cache.load(KEY) == (None, "broken")


def test_a_folder_in_its_place_is_broken(cache: PlanCache) -> None:
    cache.path(KEY).mkdir(parents=True)
    assert cache.load(KEY)[0] is None


@pytest.mark.parametrize("keep", [0, 5, 30, 200, -1])
def test_a_plan_cut_off_is_broken(cache: PlanCache, keep: int) -> None:
    path = cache.store(KEY, PLAN)
    path.write_bytes(path.read_bytes()[:keep])
    assert cache.load(KEY) == (None, "broken")


@pytest.mark.parametrize("header", [b"[]", b"{}", b'{"key": {}}', b"\xff", b'{"key": {"options": []}, "outputs": 1}', b"null"])
def test_a_header_that_makes_no_sense_is_broken(cache: PlanCache, header: bytes) -> None:
    path = cache.store(KEY, PLAN)
    magic = path.read_bytes().split(b"\n")[0]
    path.write_bytes(magic + b"\n" + header + b"\nplan")
    assert cache.load(KEY) == (None, "broken")


def test_a_changed_plan_is_broken(cache: PlanCache) -> None:
    path = cache.store(KEY, PLAN)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert cache.load(KEY) == (None, "broken")


def test_what_fails_while_it_is_written_leaves_what_was_there(cache: PlanCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.store(KEY, PLAN)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        cache.store(replace(KEY, driver="14.0"), PLAN)
    assert cache.load(KEY) == (PLAN, "cached")
    assert len(list(cache.folder.iterdir())) == 1


def test_extras_are_kept_beside_and_a_full_disk_is_no_matter(cache: PlanCache, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.load_extra("times") == b""
    cache.store_extra("times", b"some")
    assert cache.load_extra("times") == b"some"

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    cache.store_extra("times", b"more")
    assert cache.load_extra("times") == b"some"
    (cache.folder / "times").chmod(0o666)
    assert cache.load_extra("times") == b""


def test_plans_are_kept_in_the_users_cache(tmp_path: Path) -> None:
    assert plan_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "throughline" / "plans"
