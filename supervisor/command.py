"""The `cueworker-supervise` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click
import setproctitle

from ..client import Budget
from ..local.discovery import LocalServer
from ..pool import prctl
from ..pool.account import Account
from ..pool.board import MAX_WORKERS, Board
from ..pool.cgroup import Cgroups
from ..pool.errors import StateDirBusy, StateDirUnusable
from ..pool.events import emit
from ..pool.log import to_stderr
from ..pool.offers import Notices, Offers
from ..pool.settings import Settings
from ..pool.shared import Shared
from ..pool.spool import Spool
from ..pool.state_dir import StateDir
from .config import ConfigError, LoadedConfig, Overrides, find_config, load_config
from .delegation import take_over
from .enforcement import prepare
from .local_child import PENDING_BASE, PENDING_KEY, LocalChild, LocalServerFailed
from .notify import Notifier
from .service_watch import ServiceWatch
from .settlement import settle_all
from .signals import Signals, hold_back
from .supervisor import EXIT_OK, TITLE, Supervisor
from .sweep import sweep

EXIT_CONFIG = 78
"""EX_CONFIG: systemd is told not to try again."""
EXIT_BUSY = 75
"""EX_TEMPFAIL: another pool holds the state directory."""
EXIT_UNUSABLE = 73
"""EX_CANTCREAT: the state directory cannot be used, or the local server cannot start."""

LOCK_PATIENCE = 10.0
"""Seconds beyond `kill_grace` that a starting supervisor waits for its predecessor's clean-up."""


@dataclass(frozen=True)
class Options:
    """The command line."""

    config: Path | None
    workers: int | None
    local: bool
    state_dir: Path | None
    worker_id: str | None

    def load(self) -> LoadedConfig:
        """The configuration with the command line's word. Raises ConfigError."""
        path = find_config(self.config, os.environ, Path.cwd())
        overrides = Overrides(workers=self.workers, state_dir=self.state_dir, worker_id=self.worker_id)
        if self.local:
            overrides = replace(overrides, api_key=PENDING_KEY, api_base=PENDING_BASE)
        return load_config(path, overrides)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The YAML file. Default: $CUEWORKER_CONFIG, ./cueworker.yaml, ./cueapi-worker.yaml, then "
    "~/.config/cueapi/ and /etc/cueworker/.",
)
@click.option(
    "--workers", type=click.IntRange(1, MAX_WORKERS), help="Executions that run at once [file's, or 4]."
)
@click.option("--local", is_flag=True, help="Run an embedded CueAPI server as well: no account, no network.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    help="Where reports wait and slots keep their records. One pool per directory.",
)
@click.option("--worker-id", help="The name that the server knows this pool by [host name].")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    help="How much to say on standard error.",
)
def main(
    config: Path | None,
    workers: int | None,
    local: bool,
    state_dir: Path | None,
    worker_id: str | None,
    log_level: str,
) -> None:
    """Supervise a pool of workers for CueAPI.

    Each worker claims one execution at a time, keeps its lease alive, runs the task's handler and reports the outcome.
    `cueworker check` shows what a configuration would run.

    \b
    TERM, INT   drain: handlers may finish for `shutdown_grace`, then TERM, then KILL
                a second one starts the killing at once
    QUIT        kill the handlers at once, report, leave
    HUP         reload the configuration; running handlers are not touched
                (on a terminal: drain)

    Exit codes: 0 stopped as asked; 70 no worker could start; 73 state directory or local server unusable;
    75 another pool holds the state directory; 78 the configuration is wrong.
    """
    to_stderr(log_level)
    sys.exit(supervise(Options(config, workers, local, state_dir, worker_id)))


def supervise(options: Options) -> int:
    """Run a pool until it is stopped; returns the exit code."""
    signals = Signals()
    signals.install()
    try:
        return _supervise(options, signals)
    finally:
        hold_back()


def _supervise(options: Options, signals: Signals) -> int:
    try:
        loaded = options.load()
    except ConfigError as error:
        click.echo(str(error), err=True)
        return EXIT_CONFIG
    _warn(loaded)
    settings = loaded.settings
    state_dir = StateDir(settings.state_dir.absolute())
    try:
        state_dir.prepare()
        lock = state_dir.lock(wait=settings.kill_grace + LOCK_PATIENCE, abandon=signals.has_end)
        if lock is None:
            return EXIT_OK
        cgroups = take_over()
        sweep(state_dir)
        if not settle_all(state_dir):
            raise StateDirUnusable(
                f"what an earlier pool left in {state_dir.root} cannot be settled, see above; "
                "make room on its disk, or give its files back to this user"
            )
        return _run(options, settings, state_dir, lock, signals, cgroups=cgroups)
    except StateDirBusy as error:
        click.echo(f"cueworker-supervise: {error}", err=True)
        return EXIT_BUSY
    except (StateDirUnusable, LocalServerFailed) as error:
        click.echo(f"cueworker-supervise: {error}", err=True)
        return EXIT_UNUSABLE


def _run(
    options: Options,
    settings: Settings,
    state_dir: StateDir,
    lock: int,
    signals: Signals,
    *,
    cgroups: Cgroups | None,
) -> int:
    setproctitle.setproctitle(TITLE)
    prctl.become_subreaper()
    # Before anything is started that would inherit its address.
    notifier = Notifier.from_environment(os.environ)
    local = LocalChild(state_dir.local) if options.local else None
    if local is not None:
        settings = _at(local.start(), settings)
    shared = Shared(
        state_dir=state_dir,
        lock=lock,
        board=Board(settings.workers),
        offers=Offers(),
        notices=Notices(),
        spooled=Notices(),
        budget=Budget.create(state_dir.root / "budget.lock"),
        account=Account(settings.api_key, settings.api_base),
        supervisor_pid=os.getpid(),
        cgroups=cgroups,
    )
    emit(
        "pool.started",
        workers=settings.workers,
        handlers=", ".join(sorted(settings.handlers)),
        server=settings.api_base,
        worker_id=settings.worker_id,
        state_dir=state_dir.root,
    )
    prepare(settings.handlers, cgroups)
    # On a terminal HUP means that the terminal is gone.
    reload = (
        None if sys.stdin is not None and sys.stdin.isatty() else _reloader(options, settings, local, cgroups)
    )
    watch = ServiceWatch(notifier, os.getpid(), lambda: len(Spool(state_dir).paths()))
    return Supervisor(settings, shared, signals, reload, local, watch=watch).run()


def _reloader(
    options: Options, running: Settings, local: LocalChild | None, cgroups: Cgroups | None
) -> Callable[[], Settings | None]:
    def reload() -> Settings | None:
        try:
            loaded = options.load()
        except ConfigError as error:
            for problem in error.problems:
                emit("pool.not_reloaded", reason=problem)
            return None
        _warn(loaded)
        settings = loaded.settings
        for name in ("worker_id", "state_dir"):
            if getattr(settings, name) != getattr(running, name):
                emit(
                    "config.warning",
                    problem=f"`{name}` cannot change while the pool runs; restart it for that",
                )
        prepare(settings.handlers, cgroups)
        settings = replace(settings, worker_id=running.worker_id, state_dir=running.state_dir)
        return settings if local is None or local.server is None else _at(local.server, settings)

    return reload


def _at(server: LocalServer, settings: Settings) -> Settings:
    return replace(settings, api_base=server.url, api_key=server.api_key)


def _warn(loaded: LoadedConfig) -> None:
    for problem in (*loaded.warnings, *loaded.refused):
        emit("config.warning", problem=problem)
