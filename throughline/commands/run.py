"""`throughline run SITE...`: everything for one or more sites in one process, or one part of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._site_argument import add_site
from throughline.commands._tasks import stop_on_signals
from throughline.settings import Site, load_site

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("run", help="run cameras and matcher of one or more sites")
    add_site(parser, several=True)
    parser.add_argument(
        "--only", action="append", choices=("streams", "matcher"), help="run this part here; may be repeated (default: all parts)"
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="DIR",
        help="record what is detected and tracked, for `track` (several sites: each in a folder of its own below)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    sites = [load_site(path) for path in options.site]
    names = [site.site for site in sites]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise CommandError(f"two site files are called {repeated[0]}: give each site a name of its own", BAD_INPUT)
    if options.only != ["matcher"] and not any(camera.url for site in sites for camera in site.cameras):
        raise CommandError(f"no camera of {', '.join(names)} has a url, so there is nothing to run", BAD_INPUT)
    return asyncio.run(_serve(sites, options.only, _recordings(options, names)))


def _recordings(options: argparse.Namespace, sites: Sequence[str]) -> dict[str, Path]:
    """Where each site is recorded."""
    folder: Path | None = options.record
    if folder is None:
        return {}
    if options.only is not None and "streams" not in options.only:
        raise CommandError("--record needs the cameras in this process: add --only streams", BAD_INPUT)
    folders = {sites[0]: folder} if len(sites) == 1 else {site: folder / site for site in sites}
    for place in folders.values():
        with contextlib.suppress(OSError):  # a folder that cannot be read is no reason not to run: the recording will say so
            if (place / "detections").exists() or (place / "tracks").exists():
                raise CommandError(f"{place} holds a recording already: name another folder", BAD_INPUT)
    return folders


async def _serve(sites: Sequence[Site], only: Sequence[str] | None, recordings: Mapping[str, Path]) -> int:
    from throughline.commands._product import PARTS, Product
    from throughline.telemetry.logs import configure_logging
    from throughline.telemetry.metrics import Metrics
    from throughline.telemetry.server import Readiness, TelemetryError, TelemetryServer

    telemetry = sites[0].telemetry  # one process, one address: that of the first site
    configure_logging(telemetry)
    metrics, readiness = Metrics(), Readiness()
    parts = [part for part in PARTS if only is None or part in only]
    if "streams" in parts and not any(camera.url for site in sites for camera in site.cameras):
        raise CommandError(
            f"no camera of {', '.join(site.site for site in sites)} has a url, so there is nothing to run", BAD_INPUT
        )
    try:
        async with stop_on_signals() as stop, TelemetryServer(metrics, readiness, telemetry):
            await Product(sites, metrics, readiness, parts, recordings).run(stop)
    except TelemetryError as error:
        raise CommandError(str(error)) from error
    return 0
