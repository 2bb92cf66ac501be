"""How right, how soon and how sure the product is in a city of which the truth is known.

``python -m benchmarks.city`` takes the standard scenario (12 cameras, 20 minutes) without pictures: what networks would say is
drawn (`simulation.appearance`), tracker, tracklets and matcher are the product's own. ``--cameras 500`` takes the load scenario,
whose tracklets are drawn too: it is about load. ``--cameras 4`` takes the footage that ships, from pixels on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from inference.threads import limit_threads

limit_threads()  # before numpy is imported: everything runs in one thread

from benchmarks.city.drawn import run as run_drawn  # noqa: E402 - see above
from benchmarks.city.footage import run as run_footage  # noqa: E402
from benchmarks.city.load import run as run_load  # noqa: E402

__all__ = ["main"]


def main() -> int:
    """Runs the benchmark and prints what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.city", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cameras", type=int, choices=[4, 12, 500], default=12, help="4: from pixels; default: 12")
    parser.add_argument("--minutes", type=float, metavar="M", help="of the scenario, from its beginning; default: all")
    parser.add_argument("--quick", action="store_true", help="without baselines and ablations")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures as one JSON object")
    options = parser.parse_args()
    run = {4: run_footage, 12: run_drawn, 500: run_load}[options.cameras]
    figures, text = run(options.minutes, quick=options.quick)
    print(text)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
