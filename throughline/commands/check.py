"""`throughline check SITE`: opens each camera, Kafka and the models, and measures what this machine sustains."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict

from throughline.commands._exit import FAILED
from throughline.commands._output import print_json
from throughline.commands._site_argument import add_site
from throughline.settings import load_site

__all__ = ["add_parser"]

_MARKS = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("check", help="try everything a site needs, and say what to change")
    add_site(parser)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to look at each camera (default: %(default)g)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from throughline.commands._findings import Finding, findings_of
    from throughline.telemetry.logs import configure_logging

    site = load_site(options.site)
    configure_logging(site.telemetry.model_copy(update={"log_level": "error"}))
    findings = [Finding("site file", "ok", f"{options.site}: {len(site.cameras)} cameras, {len(site.links)} links")]
    findings += asyncio.run(findings_of(site, options.seconds))
    failed = any(finding.state == "failed" for finding in findings)
    if options.json:
        print_json({"site": site.site, "ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            print(f"{_MARKS[finding.state]}  {finding.subject}: {finding.text}")
    return FAILED if failed else 0
