"""`throughline models list|pull|export|compile`: the catalogue of networks, and files for it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from throughline.commands import _models_compile, _models_export
from throughline.commands._exit import BAD_INPUT, FAILED, CommandError
from throughline.commands._output import print_json, print_table, say

if TYPE_CHECKING:
    from inference.catalogue import CatalogueEntry

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("models", help="list, fetch, export and compile networks")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the catalogue, and what of it is on this machine")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    listing.set_defaults(run=_list)
    pulling = actions.add_parser("pull", help="download a network into the user's cache, checked against its checksum")
    pulling.add_argument("name", help="name in the catalogue")
    pulling.add_argument("--from", dest="source", metavar="URL", help="another address of the same file")
    pulling.add_argument("--sha256", help="checksum of the file, where the catalogue does not know it")
    pulling.add_argument("--folder", type=Path, help="where to put it (default: the user's cache)")
    pulling.add_argument("--json", action="store_true", help="print one JSON object")
    pulling.set_defaults(run=_pull)
    _models_export.add_arguments(
        actions.add_parser("export", help="write a trained network as an ONNX file, and what that loses")
    )
    _models_compile.add_arguments(actions.add_parser("compile", help="build networks for TensorRT before they are needed"))


def _list(options: argparse.Namespace) -> int:
    from inference.catalogue import CATALOGUE, locate, model_folders
    from inference.errors import ModelError

    def here(entry: CatalogueEntry) -> str:
        if entry.file is None:
            return "built in"
        try:
            return str(locate(entry, folders) or "no")
        except ModelError:
            return "damaged: pull it again"

    folders = model_folders()
    rows = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "here": here(entry),
            "licence": entry.licence,
            "sha256": entry.sha256,
            "source": entry.source,
            "description": entry.description,
        }
        for entry in CATALOGUE
    ]
    if options.json:
        print_json({"models": rows, "folders": [str(folder) for folder in folders]})
    else:
        columns = ("name", "kind", "here", "licence", "description")
        print_table(columns, [[row[column] for column in columns] for row in rows])
    return 0


def _pull(options: argparse.Namespace) -> int:
    from inference.catalogue import find
    from inference.errors import ModelError
    from inference.pull import pull

    try:
        entry = find(options.name)
    except ModelError as error:
        raise CommandError(str(error), BAD_INPUT) from error

    def progress(received: int, total: int | None) -> None:
        if sys.stderr.isatty():
            share = f" of {total / 1e6:.1f}" if total else ""
            print(f"\r{received / 1e6:.1f}{share} MB", end="", file=sys.stderr, flush=True)

    try:
        path = pull(entry, folder=options.folder, source=options.source, sha256=options.sha256, progress=progress)
    except ModelError as error:
        raise CommandError(str(error), FAILED) from error
    say(f"{entry.name}: {path}")
    if options.json:
        print_json({"name": entry.name, "path": str(path), "licence": entry.licence})
    return 0
