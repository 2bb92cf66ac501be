"""`throughline search PICTURE --site SITE`: where and when was this vehicle seen, and what could a tracklet be joined to."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._output import print_json, print_table, say
from throughline.settings import Site, load_site
from throughline.times import from_iso, to_iso

__all__ = ["add_parser"]

_COLUMNS = ("vehicle", "alike", "camera", "from (UTC)", "to (UTC)", "decision", "picture")
_CANDIDATE_COLUMNS = ("log-odds", "tracklet", "camera", "from (UTC)", "to (UTC)", "vehicle", "travel s", "evidence")
_NOWHERE_ELSE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - looked up, not bound
_BAD_QUESTION = range(400, 500)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("search", help="ask a running product where and when a vehicle was seen")
    parser.add_argument("picture", metavar="PICTURE", type=Path, nargs="?", help="JPEG or PNG file of the vehicle")
    parser.add_argument("--tracklet", metavar="ID", help="look for vehicles like that of this tracklet, in place of a picture")
    parser.add_argument(
        "--candidates",
        action="store_true",
        help="with --tracklet: what it could be joined to, and what speaks for and against each, in place of what looks like it",
    )
    parser.add_argument("--site", type=Path, required=True, help="site file (YAML)")
    parser.add_argument("--camera", action="append", metavar="ID", help="only at this camera; may be repeated")
    parser.add_argument(
        "--from", dest="since", type=_time, metavar="TIME", help="not before (ISO 8601; UTC unless it says otherwise)"
    )
    parser.add_argument("--to", dest="until", type=_time, metavar="TIME", help="not after")
    parser.add_argument("--limit", type=int, default=20, help="vehicles at most (default: %(default)s)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--box", metavar="X,Y,WIDTH,HEIGHT", help="where the vehicle is in the picture, in pixels (default: all of it)"
    )
    where.add_argument("--detect", action="store_true", help="find the vehicle in the picture with the site's detector")
    parser.add_argument("--model", help="compare by this model of the site")
    parser.add_argument("--url", help="where searches are served (default: as the site file says)")
    parser.add_argument("--json", action="store_true", help="print the answer as one JSON object")
    parser.set_defaults(run=_run)


def _time(text: str) -> str:
    try:
        return to_iso(from_iso(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _run(options: argparse.Namespace) -> int:
    site = load_site(options.site)
    if options.candidates:
        return _candidates(site, options)
    if (options.picture is None) == (options.tracklet is None):
        raise CommandError("give either a PICTURE or --tracklet", BAD_INPUT)
    if options.tracklet is not None and (options.box or options.detect):
        raise CommandError("--box and --detect are for pictures", BAD_INPUT)
    body, kind = _question(options)
    answer = asyncio.run(_ask(_url(site, options.url), "search", _parameters(site, options), body, kind))
    if options.json:
        print_json(answer)
        return 0
    if not answer["history"]["complete"]:
        say("the product has just started and is still reading what it knew: ask again for more")
    rows = [
        (
            vehicle["vehicle"] or "(not decided yet)",
            _alike(there.get("similarity")),
            there["camera"],
            there["start"][:19],
            there["end"][:19],
            there.get("decision", ""),
            there.get("best_shot_url", there.get("best_shot", "")),
        )
        for vehicle in answer["vehicles"]
        for there in vehicle["tracklets"]
    ]
    if rows:
        print_table(_COLUMNS, rows)
    else:
        say(f"nothing was found among {answer['history']['tracklets']} tracklets")
    return 0


def _candidates(site: Site, options: argparse.Namespace) -> int:
    unfit = [options.picture, options.camera, options.since, options.until, options.box, options.detect, options.model]
    if options.tracklet is None or any(unfit):
        raise CommandError("--candidates goes with --tracklet, --limit, --url and --json, and with nothing else", BAD_INPUT)
    path = f"candidates/{quote(options.tracklet, safe='')}"
    answer = asyncio.run(_ask(_url(site, options.url), path, {"site": site.site, "limit": str(options.limit)}))
    if options.json:
        print_json(answer)
        return 0
    vehicle = answer["vehicle"] or "not decided yet"
    say(f"{answer['tracklet']}: {vehicle}; {answer['passed']} of {answer['among']} tracklets pass all gates")
    if answer["candidates"]:
        print_table(_CANDIDATE_COLUMNS, [_candidate(found) for found in answer["candidates"]])
    return 0


def _candidate(found: Mapping[str, Any]) -> tuple[str, ...]:
    passed = "log_odds" in found
    terms = ", ".join(f"{part['term']} {part['llr']:+.2f}" for part in found.get("evidence", ()))
    return (
        f"{found['log_odds']:+.2f}" if passed else "-",
        found["tracklet"],
        found["camera"],
        found["start"][:19],
        found["end"][:19],
        found["vehicle"] or "(not decided yet)",
        f"{found['travel_time']:.1f}",
        terms if passed else f"rejected: {found['rejected']}",
    )


def _question(options: argparse.Namespace) -> tuple[bytes, str]:
    """Body and content type of the request."""
    if options.tracklet is not None:
        return json.dumps({"tracklet": options.tracklet}).encode(), "application/json"
    try:
        return options.picture.read_bytes(), "application/octet-stream"
    except OSError as error:
        raise CommandError(f"{options.picture}: cannot be read: {error.strerror}", BAD_INPUT) from error


def _parameters(site: Site, options: argparse.Namespace) -> dict[str, str]:
    wanted = {
        "site": site.site,
        "cameras": ",".join(options.camera or ()),
        "from": options.since,
        "to": options.until,
        "limit": str(options.limit),
        "model": options.model,
        "box": options.box,
        "detect": "true" if options.detect else None,
    }
    return {name: value for name, value in wanted.items() if value}


def _url(site: Site, given: str | None) -> str:
    if given is not None:
        return given.rstrip("/")
    if not site.search.enabled:
        raise CommandError(
            "search.enabled of the site file is false: nothing serves searches (or say where with --url)", BAD_INPUT
        )
    if site.search.port == 0:
        raise CommandError("search.port of the site file is 0, any free one: say where with --url; `run` logs it", BAD_INPUT)
    host = _NOWHERE_ELSE.get(site.search.host, site.search.host)
    return f"http://[{host}]:{site.search.port}" if ":" in host else f"http://{host}:{site.search.port}"


async def _ask(url: str, path: str, parameters: Mapping[str, str], body: bytes | None = None, kind: str = "") -> dict[str, Any]:
    """Posts a body, or gets where there is none."""
    import aiohttp  # late: the other commands need not wait for it
    from yarl import URL

    method, headers = ("GET", {}) if body is None else ("POST", {"Content-Type": kind})
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
            session.request(
                method, URL(f"{url}/{path}", encoded=True), params=parameters, data=body, headers=headers
            ) as response,
        ):
            text = await response.text()
    except aiohttp.InvalidURL as error:
        raise CommandError(f"{url} is no URL", BAD_INPUT) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CommandError(
            f"no search service answers at {url}: is `throughline run` running with this site file? "
            f"(search.host and search.port, or --url, say where it is looked for): {str(error) or 'no answer in time'}"
        ) from error
    try:
        answer = json.loads(text)
        failure = answer.get("error")
    except (ValueError, AttributeError):
        raise CommandError(f"{url} is no search service: it answers {text[:80]!r}") from None
    if response.status in _BAD_QUESTION:
        raise CommandError(str(failure), BAD_INPUT)
    if failure is not None:
        raise CommandError(f"{url}: {failure}")
    return dict(answer)


def _alike(similarity: float | None) -> str:
    return "" if similarity is None else f"{similarity:.3f}"
