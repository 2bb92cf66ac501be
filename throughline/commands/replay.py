"""`throughline replay SITE --from T --out FILE`: the matcher once more over the tracklets kept on Kafka."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from throughline.commands._attach import attached_bus
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import say
from throughline.commands._site_argument import add_site
from throughline.settings import Site, load_site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, from_iso, to_iso

__all__ = ["add_parser"]

_TELL_EVERY = 20_000
"""Records between two lines of progress."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("replay", help="decide again on tracklets kept on Kafka, also with other settings")
    add_site(parser)
    parser.add_argument(
        "--from", dest="since", type=_time, required=True, metavar="TIME", help="records published since then (ISO 8601; UTC)"
    )
    parser.add_argument("--until", type=_time, metavar="TIME", help="and before then (default: all there are)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where events are written, one JSON object a line"
    )
    parser.add_argument(
        "--what-if", type=Path, metavar="OTHER_SITE", help="decide by the settings of this site file, as if they had held"
    )
    parser.set_defaults(run=lambda options: asyncio.run(_run(options)))


def _time(text: str) -> Instant:
    try:
        return from_iso(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def _run(options: argparse.Namespace) -> int:
    site = load_site(options.site)
    other = None if options.what_if is None else load_site(options.what_if)
    if options.until is not None and options.until <= options.since:
        raise CommandError("--until must be later than --from", BAD_INPUT)
    with _opened(options.out) as out:
        counts = await _replay(site, other, options.since, options.until, out)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"
    say(f"events: {kinds}; in {options.out}")
    return 0


async def _replay(site: Site, other: Site | None, since: Instant, until: Instant | None, out: IO[bytes]) -> Counter[str]:
    from matcher.replay import Replay
    from throughline.messages import encode_json

    counts: Counter[str] = Counter()
    async with attached_bus(site.kafka, Metrics()) as bus:
        replay = Replay(bus, site, other)
        span = await replay.span(since, until)
        if span.snapshot is not None:
            at = span.snapshot.manifest.watermark
            say(f"begins with the snapshot of {'its start' if at is None else to_iso(at)}")
        else:
            say("no snapshot before --from fits these settings and this build: begins with nothing, at the oldest tracklet kept")
        told = _TELL_EVERY
        async for events in replay.events(span):
            for event in events:
                out.write(encode_json(event) + b"\n")
                counts[event.kind] += 1
            if replay.done >= told:
                say(f"{replay.done} of {span.end - span.start} records")
                told = replay.done + _TELL_EVERY
    return counts


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
