"""`throughline simulate`: a city with known truth, as files that `associate` and `evaluate` take."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from throughline.commands._arguments import number_between
from throughline.commands._exit import BAD_INPUT, FAILED, CommandError
from throughline.commands._output import say

if TYPE_CHECKING:
    from simulation.appearance import DrawnAttributes, DrawnEmbeddings
    from simulation.city import CityCamera, Scenario, Sightings

__all__ = ["add_parser"]

_FPS = 10.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "simulate", help="a city with known truth: site file, faultless tracks with drawn looks, and who is who"
    )
    parser.add_argument("scenario", metavar="SCENARIO", help="demo, standard or load, or a file that --remake wrote")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where site.yaml, truth.txt and tracks/ are written"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="draws other looks, and with --remake other traffic")
    parser.add_argument("--seconds", type=number_between(1.0, 1e6), metavar="S", help="only the first seconds of it")
    parser.add_argument("--fps", type=number_between(0.5, 60.0), default=_FPS, help=f"frames a second of its cameras ({_FPS:g})")
    parser.add_argument(
        "--remake", action="store_true", help="let SUMO drive it anew, instead of taking what is shipped; writes scenario.npz too"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from simulation.city.site import site_of
    from simulation.city.storage import save_scenario
    from throughline.settings import dump_site

    if options.seed is not None and options.seed < 0:
        raise CommandError(f"--seed must not be negative, found {options.seed}", BAD_INPUT)
    scenario = _remade(options.scenario, options.seed) if options.remake else _stored(options.scenario)
    out: Path = options.out
    try:
        (out / "tracks").mkdir(parents=True, exist_ok=True)
        if options.remake:
            save_scenario(scenario, out / "scenario.npz")
        (out / "site.yaml").write_text(dump_site(site_of(scenario, options.fps)), encoding="utf-8")
        shown = scenario if options.seconds is None else scenario.until(options.seconds)
        tracks = _write_cameras(shown, options.fps, scenario.seed if options.seed is None else options.seed, out)
    except OSError as error:
        raise CommandError(f"{out}: cannot be written: {error}") from error
    vehicles = len({way.vehicle for way in shown.trajectories})
    say(f"{len(shown.cameras)} cameras, {vehicles} vehicles, {tracks} tracks in {shown.seconds:g} s; in {out}")
    say(f"next: throughline associate --tracks {out}/tracks --site {out}/site.yaml --out {out}/result")
    say(f"then: throughline evaluate mtmc --truth {out}/truth.txt --result {out}/result/tracks.txt")
    return 0


def _stored(name: str) -> Scenario:
    from simulation.city.storage import SHIPPED, load_scenario, shipped_scenario

    path = Path(name)
    if name not in SHIPPED and not path.is_file():
        raise CommandError(f"there is no scenario {name}: expected {', '.join(SHIPPED)} or a file that --remake wrote", BAD_INPUT)
    try:
        return shipped_scenario(name) if name in SHIPPED else load_scenario(path)
    except (ValueError, OSError) as error:
        raise CommandError(str(error), BAD_INPUT) from error


def _remade(name: str, seed: int | None) -> Scenario:
    from simulation.city.making import SEEDS, make_shipped
    from simulation.city.sumo.run import SumoError

    if name not in SEEDS:
        raise CommandError(f"{name} cannot be made anew: expected {', '.join(SEEDS)}", BAD_INPUT)
    say(f"SUMO drives {name} anew ...")
    try:
        return make_shipped(name, seed)
    except SumoError as error:
        raise CommandError(str(error), FAILED) from error


def _write_cameras(scenario: Scenario, fps: float, seed: int, out: Path) -> int:
    """Writes the truth, and each camera's tracks and looks; gives the number of tracks."""
    from simulation.appearance import DrawnAttributes, DrawnEmbeddings
    from simulation.city.truth import aicity_rows, annotated
    from simulation.city.visibility import all_sightings
    from throughline.formats.aicity import write_aicity

    embeddings, attributes = DrawnEmbeddings(scenario.vehicles, seed), DrawnAttributes(scenario.vehicles, seed)
    truth, count = [], 0
    for camera, shown in zip(scenario.cameras, all_sightings(scenario, fps), strict=True):
        seen = annotated(shown)
        truth += aicity_rows(seen, camera.number)
        count += _write_camera(camera, seen, embeddings, attributes, out / "tracks")
    write_aicity(out / "truth.txt", truth)
    return count


def _write_camera(
    camera: CityCamera, seen: Sightings, embeddings: DrawnEmbeddings, attributes: DrawnAttributes, folder: Path
) -> int:
    import numpy as np

    from simulation.appearance import looks_of_tracks
    from simulation.city.truth import mot_rows, tracks_of
    from throughline.formats.mot import write_mot

    if not len(seen):
        return 0
    tracks = tracks_of(seen)
    write_mot(folder / f"{camera.id}.txt", mot_rows(seen, tracks))
    np.savez_compressed(
        folder / f"{camera.id}.npz", allow_pickle=False, **looks_of_tracks(seen, tracks, camera, embeddings, attributes)
    )
    return int(tracks.max())
