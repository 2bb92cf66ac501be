"""``python -m benchmarks.gpu``: checks and measures what this machine's GPU does for the product, in a few minutes.

It needs no package registry: what is missing may be brought as wheels (``python -m benchmarks.gpu.wheels`` collects them). Each
line of the result says whether a part is there and right; what is missing costs its own lines and no others.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.report import as_json, as_markdown
from benchmarks.gpu.runner import run_sections
from benchmarks.gpu.schedule import SECTIONS, Section
from benchmarks.gpu.unpacking import join_parts, unpack_wheels

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parents[2]
_FOOTAGE = ("clips", "highway.mp4")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sections and prints the tables; 1 if something that is here gives wrong results."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="throughline-gpu-") as folder:
        lines, ahead, behind = _bring(options.wheels, Path(folder))
        job = Job(
            section="",
            table="",
            seconds=0.0,
            folder=folder,
            device=options.device,
            clip=_clip(options.clip),
            detector=_absolute(options.detector),
            embedder=_absolute(options.embedder),
            max_batch=options.max_batch,
            rate=options.rate,
            paths_ahead=ahead,
            paths_behind=behind,
        )
        sections = _chosen(options.only)
        lines += run_sections(sections, job, 60 * options.minutes - (time.monotonic() - began), _tell)
    seconds = time.monotonic() - began
    text = f"# GPU\n\n{as_markdown(lines)}\n\n{seconds:.0f} s in all."
    print(text)
    _write(lines, text, seconds, options.json)
    wrong = [line for line in lines if line.state == "wrong"]
    for line in wrong:
        _tell(f"WRONG: {', '.join(line.labels.values())}: {line.note}")
    return int(bool(wrong))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument(
        "--wheels", type=Path, nargs="+", metavar="DIR", default=[], help="folders with wheels of what is missing"
    )
    parser.add_argument("--clip", type=Path, help="real footage (default: clips/highway.mp4 of the shared data, if it is here)")
    parser.add_argument("--detector", type=Path, help="ONNX file (default: the one that ships)")
    parser.add_argument("--embedder", type=Path, help="ONNX file (default: the one that ships)")
    parser.add_argument("--minutes", type=float, default=7.0, help="for everything (default: %(default)g)")
    parser.add_argument("--rate", type=float, default=10.0, help="analysed frames a second and stream (default: %(default)g)")
    parser.add_argument("--max-batch", type=int, default=32, help="most pictures in one pass (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=[section.name for section in SECTIONS], metavar="SECTION", help="run these alone"
    )
    parser.add_argument("--device", default="cuda:0", help="cuda:N; cpu tries out the measurement itself (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="file for everything (default: gpu.json in the folder $OUT, if that is set)")
    return parser


def _bring(folders: Sequence[Path], work: Path) -> tuple[list[Line], tuple[str, ...], tuple[str, ...]]:
    """Unpacks wheels: what became of each, and the folders for both ends of the path."""
    if not folders:
        return [], (), ()
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing:
        raise SystemExit(f"--wheels: {missing[0]} is no folder")
    joined = work / "joined"
    joined.mkdir()
    try:
        files = join_parts(folders, joined)
    except ValueError as error:
        raise SystemExit(f"--wheels: {error}") from error
    unpacked = unpack_wheels(files, work / "site")
    lines = [
        Line("machine", {"what": f"wheel of {name} {version}"}, note=outcome) for name, version, outcome in unpacked.outcomes
    ]
    return lines, (str(unpacked.ahead),), (str(unpacked.behind),)


def _clip(given: Path | None) -> str | None:
    if given is not None:
        if not given.is_file():
            raise SystemExit(f"--clip: there is no file {given}")
        return str(given.resolve())
    shared = Path(os.environ.get("THROUGHLINE_SHARED_DATA", _ROOT.parent / "shared" / "data"))
    found = shared.joinpath(*_FOOTAGE)
    return str(found) if found.is_file() else None


def _absolute(path: Path | None) -> str | None:
    if path is not None and not path.is_file():
        raise SystemExit(f"there is no file {path}")
    return None if path is None else str(path.resolve())


def _chosen(names: Sequence[str] | None) -> list[Section]:
    return [section for section in SECTIONS if names is None or section.name in names]


def _write(lines: Sequence[Line], text: str, seconds: float, file: Path | None) -> None:
    out = os.environ.get("OUT")
    if out:
        Path(out).mkdir(parents=True, exist_ok=True)
        (Path(out) / "gpu.md").write_text(text + "\n", encoding="utf-8")
    if file is None and out:
        file = Path(out) / "gpu.json"
    if file is not None:
        file.write_text(as_json(lines, seconds) + "\n", encoding="utf-8")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
