"""`cueworker events`: what each event means and what to do about it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection

import click

from ..pool.event_guide import GUIDE
from ..pool.events import EVENTS

EXIT_NOT_FOUND = 4


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="As the table that docs/events.md holds.")
def events(name: str | None, markdown: bool) -> None:
    """Say what events in the log mean and what to do about them: all, or those that begin with NAME.

    \b
      cueworker events report.
      cueworker events slot.hung
    """
    names = [each for each in EVENTS if each.startswith(name or "")]
    if not names:
        click.echo(f"cueworker events: there is no event {name}; leave it out to see all", err=True)
        sys.exit(EXIT_NOT_FOUND)
    click.echo(as_markdown() if markdown else as_text(names), nl=False)


def as_text(names: Collection[str]) -> str:
    """For a terminal."""
    lines = []
    for name in names:
        meaning, remedy = GUIDE[name]
        lines += [
            f"{name}  ({_level(name)})",
            f"  {EVENTS[name][1]}",
            f"  {meaning}",
            f"  To do: {remedy}",
            "",
        ]
    return "\n".join(lines)


def as_markdown() -> str:
    """The whole of docs/events.md."""
    rows = [
        f"| `{name}` | {_level(name)} | {_cell(GUIDE[name][0])} | {_cell(GUIDE[name][1])} |"
        for name in EVENTS
    ]
    return "\n".join([_HEAD, *rows, ""])


def _level(name: str) -> str:
    return logging.getLevelName(EVENTS[name][0]).lower()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


_HEAD = """\
# Events

Every line of the pool's log has the name of an event: at its end in brackets, or as `event` in `--log-format json`,
where the facts of the sentence are fields of their own beside `ts`, `level`, `msg`, `process` and `pid`. Names are
stable.
A line without one, `unforeseen` in JSON, is a traceback: please report it.

`cueworker events NAME` shows the same. Written by `cueworker events --markdown > docs/events.md`.

| event | level | what it means | what to do |
|---|---|---|---|"""
