"""``python -m benchmarks``: every benchmark, one after the other, with its defaults."""

from __future__ import annotations

import subprocess
import sys

_ALL = (
    "pipeline",
    "faults",
    "matcher_faults",
    "matcher",
    "matcher_quality",
    "matcher_calibration",
    "search",
    "networks",
    "engines",
    "tracker_speed",
    "tracker_quality",
)


def main() -> int:
    """Runs them; 1 if one failed."""
    failed = False
    for name in _ALL:
        print(f"\n## benchmarks.{name}\n", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
