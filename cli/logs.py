"""`cueworker logs`: the pool's log file, or what one execution's handler has written."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from ..pool.execution_log import folder_of, path_of
from ..pool.settings import Settings
from ..pool.slot_record import SlotRecords
from ..pool.state_dir import StateDir
from ..supervisor.config import ConfigError, Overrides, find_config, load_config
from ..supervisor.local_child import PENDING_BASE, PENDING_KEY
from .tail import LOOK_EVERY, follow, last_lines

EXIT_NOT_FOUND = 4
EXIT_CONFIG = 78

_OF_THE_POOL = 50
_NEVER = 10**9


@click.command()
@click.argument("execution", required=False)
@click.option(
    "-f", "--follow", "is_followed", is_flag=True, help="Go on as it grows; an execution's until it ends."
)
@click.option(
    "-n", "--lines", type=click.IntRange(0), help="Only the last so many [an execution: all; the pool: 50]."
)
@click.option("--config", type=click.Path(path_type=Path), help="The pool's YAML file.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="As for cueworker-supervise.")
@click.option("--worker-id", help="As for cueworker-supervise.")
@click.option("--log-file", type=click.Path(path_type=Path), help="As for cueworker-supervise.")
def logs(
    execution: str | None,
    is_followed: bool,
    lines: int | None,
    config: Path | None,
    state_dir: Path | None,
    worker_id: str | None,
    log_file: Path | None,
) -> None:
    """Show the output of EXECUTION, or the pool's log file.

    The beginning of an execution's id will do, if no other begins like it. Output is there while the handler runs, and
    after it for as long as `execution_logs: {keep: 7d}` says; without secrets. Exit code 4: there is none.

    The pool's log file is the one of `log: {file: …}` or --log-file. Without one the pool logs to standard error: where
    it was started, or to `journalctl -u cueworker`.

    \b
      cueworker logs -f
      cueworker logs 7f3a -f
      cueworker logs 7f3a -n 20
    """
    try:
        settings = _settings(config, Overrides(state_dir=state_dir, worker_id=worker_id, log_file=log_file))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    path, goes_on = _of_pool(settings) if execution is None else _of_execution(execution, settings)
    shown = lines if lines is not None else (_OF_THE_POOL if execution is None else _NEVER)
    try:
        while is_followed and not path.exists() and goes_on():
            time.sleep(LOOK_EVERY)
        position = last_lines(path, shown, sys.stdout.buffer)
        if is_followed:
            follow(path, position, goes_on, sys.stdout.buffer)
    except FileNotFoundError:
        _none(f"there is no {path}: nothing has been written yet, or the file is gone")
    except OSError as error:
        _none(f"{path}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)


def _settings(config: Path | None, overrides: Overrides) -> Settings:
    path = find_config(config, os.environ, Path.cwd())
    return load_config(path, replace(overrides, api_key=PENDING_KEY, api_base=PENDING_BASE)).settings


def _of_pool(settings: Settings) -> tuple[Path, Callable[[], bool]]:
    if settings.log.file is None:
        _none("this pool logs to standard error; see `journalctl -u cueworker`, or set log: {file: …}")
    return settings.log.file, lambda: True


def _of_execution(prefix: str, settings: Settings) -> tuple[Path, Callable[[], bool]]:
    records = SlotRecords(StateDir(settings.state_dir.absolute()))
    running = {record.execution_id for record in records.readable() if record.worker_lives}
    found = {path_of(settings.logs, execution) for execution in running if execution.startswith(prefix)}
    folder = folder_of(settings.logs)
    if folder.is_dir():
        found |= {path for path in folder.iterdir() if path.name.startswith(prefix) and path.suffix == ".log"}
        exact = path_of(settings.logs, prefix)
        found = {exact} if exact in found or exact.exists() else found
    if len(found) > 1:
        shown = ", ".join(sorted(path.stem for path in found)[:5])
        _none(f"{len(found)} executions begin with {prefix}: {shown}{', …' if len(found) > 5 else ''}")
    if not found:
        _none(_why_none(prefix, settings))
    path = found.pop()

    def runs() -> bool:
        living = (record for record in records.readable() if record.worker_lives)
        return any(path_of(settings.logs, record.execution_id) == path for record in living)

    return path, runs


def _why_none(prefix: str, settings: Settings) -> str:
    if settings.execution_logs is None:
        return "no output is kept: the configuration says execution_logs: false"
    return (
        f"no output of an execution that begins with {prefix} in {folder_of(settings.logs)}: its handler has "
        f"written nothing, or it was longer than {settings.execution_logs.keep / 86400:g} days ago"
    )


def _none(message: str) -> NoReturn:
    click.echo(f"cueworker logs: {message}", err=True)
    sys.exit(EXIT_NOT_FOUND)
