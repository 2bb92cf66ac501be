"""`throughline replay SITE --from T --out FILE`: the matcher once more over the tracklets kept on Kafka."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from throughline.commands._attach import attached_bus
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import print_table, say
from throughline.commands._site_argument import add_site
from throughline.commands._trace import add_trace, trace_into, written
from throughline.messages import MatchEvent, encode_json
from throughline.settings import load_site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, from_iso, to_iso

if TYPE_CHECKING:
    from matcher.replay import Replay

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
        "--what-if",
        type=Path,
        metavar="OTHER_SITE",
        help="decide by the settings of this site file, as if they had held, and sum up what changes",
    )
    parser.add_argument(
        "--differences", type=Path, metavar="FILE", help="with --what-if: write each tracklet decided otherwise, one a line"
    )
    add_trace(parser)
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
    if options.differences is not None and other is None:
        raise CommandError("--differences tells what other settings change: it needs --what-if", BAD_INPUT)
    from matcher.replay import Replay

    async with attached_bus(site.kafka, Metrics()) as bus:
        with written(options.out) as out, trace_into(options.trace) as trace:
            after = await _replayed(Replay(bus, site, other, trace), options, out)
        if other is None:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(event.kind for event in after).items()))
            say(f"events: {kinds or 'none'}; in {options.out}")
            return 0
        say("the same once more, by the site's own settings")
        before = await _replayed(Replay(bus, site), options, None)
    _tell(before, after, options.differences)
    return 0


async def _replayed(replay: Replay, options: argparse.Namespace, out: IO[bytes] | None) -> list[MatchEvent]:
    """The events of the span; they are written as they come."""
    span = await replay.span(options.since, options.until)
    if span.snapshot is not None:
        at = span.snapshot.manifest.watermark
        say(f"begins with the snapshot of {'its start' if at is None else to_iso(at)}")
    else:
        say("no snapshot before --from fits these settings and this build: begins with nothing, at the oldest tracklet kept")
    found: list[MatchEvent] = []
    told = _TELL_EVERY
    async for events in replay.events(span):
        found += events
        if out is not None:
            out.writelines(encode_json(event) + b"\n" for event in events)
        if replay.done >= told:
            say(f"{replay.done} of {span.end - span.start} records")
            told = replay.done + _TELL_EVERY
    return found


def _tell(before: Sequence[MatchEvent], after: Sequence[MatchEvent], file: Path | None) -> None:
    """Sums up what other settings change."""
    from matcher.comparing import compare

    changes = compare(before, after)
    print_table(
        ["event", "own settings", "what if"], [[kind, *counts] for kind, counts in changes.events.items()] or [["none", 0, 0]]
    )
    print(
        f"{changes.tracklets} tracklets decided: {changes.tracklets - len(changes.differences)} alike, "
        f"{changes.count('another')} joined to another one, {changes.count('joined')} joined that were new, "
        f"{changes.count('parted')} new that were joined, {changes.count('only_before')} not decided any more, "
        f"{changes.count('only_after')} decided only now"
    )
    print(
        f"pairs of tracklets that are one vehicle: {changes.same_pairs} in both, {changes.lost_pairs} by the site's own "
        f"settings only, {changes.gained_pairs} by the others only"
    )
    if file is not None:
        with written(file) as out:
            for one in changes.differences:
                line = {"tracklet": one.tracklet, "camera": one.camera, "change": one.change}
                decisions = {"before": _decision(one.before), "after": _decision(one.after)}
                out.write(msgspec.json.encode(line | decisions) + b"\n")


def _decision(event: MatchEvent | None) -> dict[str, object] | None:
    if event is None:
        return None
    joined = None if event.joined is None else event.joined.tracklet
    return {
        "event": event.event,
        "kind": event.kind,
        "vehicle": event.vehicle,
        "joined": joined,
        "probability": event.probability,
        "margin": event.margin,
    }
