"""`throughline events SITE`: prints match events as they come."""

from __future__ import annotations

import argparse
import asyncio
import sys

from throughline.bus.protocol import Bus
from throughline.commands._attach import attached_bus
from throughline.commands._output import event_heading, event_line, say
from throughline.commands._site_argument import add_site
from throughline.commands._tasks import stop_on_signals
from throughline.messages import UnreadableMessageError, decode_match_event
from throughline.settings import Site, load_site
from throughline.telemetry.metrics import Metrics

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("events", help="print match events as they come")
    add_site(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as it stands on Kafka")
    parser.add_argument("--from-start", action="store_true", help="begin with the oldest event that Kafka still has")
    parser.add_argument("--kind", action="append", help="only this kind of event; may be repeated")
    parser.add_argument("--count", type=int, help="stop after so many events")
    parser.set_defaults(run=lambda options: asyncio.run(_run(load_site(options.site), options)))


async def _run(site: Site, options: argparse.Namespace) -> int:
    async with stop_on_signals() as stop, attached_bus(site.kafka, Metrics()) as bus:
        printing = asyncio.create_task(_print_events(bus, site, options))
        stopping = asyncio.create_task(stop.wait())
        done, pending = await asyncio.wait({printing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if printing in done:
            printing.result()
    return 0


async def _print_events(bus: Bus, site: Site, options: argparse.Namespace) -> None:
    consumer = await bus.consumer([site.kafka.topic("matches")], None, from_start=options.from_start)
    printed = 0
    try:
        if not options.json:
            print(event_heading(), flush=True)
        async for batch in consumer.records():
            for record in batch:
                if record.value is None or record.key != site.site.encode():
                    continue
                try:
                    event = decode_match_event(record.value)
                except UnreadableMessageError as error:
                    say(f"throughline: event at offset {record.offset} cannot be read: {error}")
                    continue
                if options.kind and event.kind not in options.kind:
                    continue
                print(record.value.decode() if options.json else event_line(event, colour=sys.stdout.isatty()), flush=True)
                printed += 1
                if printed == options.count:
                    return
    finally:
        await consumer.stop()
