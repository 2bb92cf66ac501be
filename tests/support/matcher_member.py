"""A matcher service in a process of its own, for tests that kill it.

``python -m tests.support.matcher_member SITE_FILE...`` prints ``working`` once it is connected, and
goes on until it is killed, or in good order until its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from pathlib import Path

from matcher.service import MatcherService
from throughline.bus import BusError, KafkaBus
from throughline.settings import load_site
from throughline.telemetry.logs import configure_logging
from throughline.telemetry.metrics import Metrics


async def main(files: list[str]) -> None:
    """Serves until told to stop; begins again after an error of Kafka, as the product does."""
    sites = [load_site(Path(name)) for name in files]
    configure_logging(sites[0].telemetry)  # to standard error: nobody reads the output once it is at work
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        with contextlib.suppress(RuntimeError):  # the loop is over already
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    metrics = Metrics()
    bus = KafkaBus(sites[0].kafka, metrics)
    await bus.start()
    print("working", flush=True)
    while True:
        try:
            await MatcherService(bus, sites, metrics).run(stop)
            break
        except BusError as error:
            print(f"again: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(0.2)
    await bus.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
