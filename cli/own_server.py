"""What the commands about the embedded server share: options, and errors in words."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from ..client import CueAPI, CueAPIError, NotFound
from ..supervisor.config import ConfigError
from .connection import connect

EXIT_FAILED = 1
EXIT_UNREACHABLE = 69
EXIT_CONFIG = 78

_F = TypeVar("_F", bound=Callable[..., Any])


def where(command: _F) -> _F:
    """The options that tell which server is meant."""
    command = click.option(
        "--state-dir",
        type=click.Path(path_type=Path),
        help="The state directory of the pool with --local, or of `cueworker serve`.",
    )(command)
    return click.option("--config", type=click.Path(path_type=Path), help="The pool's YAML file.")(command)


@contextlib.contextmanager
def server(name: str, config: Path | None, state_dir: Path | None) -> Iterator[CueAPI]:
    """A client of the running server; errors end the command with a line that says what to do."""
    try:
        with connect(config, state_dir) as api:
            yield api
    except ConfigError as error:
        click.echo(
            f"{error}\nTo use the embedded server, start it (cueworker-supervise --local, or cueworker serve)"
            " and name its --state-dir.",
            err=True,
        )
        sys.exit(EXIT_CONFIG)
    except NotFound as error:
        if error.code in ("key_not_found", "login_not_found"):
            _fail(name, error.message.partition(": ")[2], EXIT_FAILED)
        _fail(
            name,
            f"{api.base_url} has no such endpoint: only the embedded server does this. Is it running, with the"
            " --state-dir or --config that this command was given?",
            EXIT_FAILED,
        )
    except CueAPIError as error:
        _fail(name, str(error), EXIT_UNREACHABLE)


def _fail(name: str, why: str, code: int) -> None:
    click.echo(f"cueworker {name}: {why}", err=True)
    sys.exit(code)


def table(rows: list[list[str]]) -> str:
    """Rows as aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def clean(text: object) -> str:
    """Text of other people for one line of a terminal: without control characters."""
    return "".join(c if c.isprintable() else "�" for c in str(text or ""))


def local_time(stamp: str | None) -> str:
    """A time of the wire as the clock on the wall shows it."""
    return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S") if stamp else "never"
