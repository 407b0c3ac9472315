"""`python -m cueworker.local`: the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from .options import Rules


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the options and serves; returns the exit code."""
    parent = os.getppid()  # before the slow imports: the parent may die during them
    options = vars(_parser(parent).parse_args(argv))
    rules = Rules(**{field.name: options.pop(field.name) for field in fields(Rules) if field.name in options})
    from .run import serve

    return serve(rules=rules, **options)


def _parser(parent: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cueworker.local", description="A CueAPI server on SQLite, for this machine."
    )
    add = parser.add_argument
    reach = "one that other machines reach needs --api-key (default: %(default)s)"
    add("--host", default="127.0.0.1", help=reach)
    add("--port", type=int, default=8000, help="0 picks a free port (default: %(default)s)")
    add("--state-dir", type=Path, required=True, metavar="DIR", help="database, api_key and server.json")
    add("--api-key", metavar="KEY", help="a key to accept besides the one in DIR/api_key")
    add("--rate-limit", type=int, metavar="N", help="requests per minute and key (default: no limit)")
    add("--max-cues", type=int, metavar="N", help="cues per account (default: no limit)")
    add(
        "--monthly-executions", type=int, metavar="N", help="warn in answers near so many (default: no limit)"
    )
    add(
        "--quirks",
        choices=("core",),
        help="behave as the open-source core where it differs from the hosted service",
    )
    for option, default, what in (
        ("--lease-seconds", Rules.lease_seconds, "what a claim promises"),
        ("--take-back-after", Rules.take_back_after, "an unrenewed claim goes to another worker"),
        ("--worker-stale-after", Rules.worker_stale_after, "a worker counts as silent"),
        ("--missed-after", Rules.missed_after, "an unclaimed execution is missed"),
        ("--retention", Rules.retention, "an ended execution is forgotten; inf keeps all"),
    ):
        add(option, type=float, default=default, metavar="SECONDS", help=f"{what} (default: %(default)g)")
    add(
        "--die-with-parent",
        dest="parent_pid",
        nargs="?",
        type=int,
        const=parent,
        metavar="PID",
        help="end when the parent process does; PID is the parent as the caller knows it",
    )
    add("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    return parser
