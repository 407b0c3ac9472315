"""The `cueworker-supervise` command."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import setproctitle

from ..client import Budget
from ..local.discovery import LocalServer
from ..local.version import version
from ..pool import log, prctl
from ..pool.account import Account
from ..pool.board import LAYOUT, MAX_WORKERS, Board
from ..pool.errors import StateDirBusy, StateDirUnusable
from ..pool.events import emit
from ..pool.offers import Notices, Offers
from ..pool.redaction import Redaction
from ..pool.settings import Settings
from ..pool.shared import Shared
from ..pool.state_dir import StateDir
from .account_keeper import AccountKeeper
from .config import ConfigError, LoadedConfig, Overrides, find_config, load_config
from .counting import tally_for
from .handover import Adopted, Counters, Handover, take
from .keys_of_pool import KeysOfLocalServer, KeysOfPool
from .local_child import PENDING_BASE, PENDING_KEY, LocalChild, LocalServerFailed
from .operations import TITLE
from .settlement import redacting, settle_all
from .signals import Signals, hold_back, let_through
from .supervisor import EXIT_OK, Supervisor
from .sweep import sweep
from .upgrade import PROBE

EXIT_CONFIG = 78
"""EX_CONFIG: systemd is told not to try again."""
EXIT_BUSY = 75
"""EX_TEMPFAIL: another pool holds the state directory."""
EXIT_UNUSABLE = 73
"""EX_CANTCREAT: the state directory cannot be used, or the local server cannot start."""
EXIT_INCOMPATIBLE = 76
"""Of the probe of an upgrade: this version cannot take over running workers."""

RETRY_LOADING = 1.0
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
    log_level: str | None = None
    log_format: str | None = None
    log_file: Path | None = None

    def path(self) -> Path:
        """The configuration's file. Raises ConfigError."""
        return find_config(self.config, os.environ, Path.cwd())

    def load(self) -> LoadedConfig:
        """The configuration with the command line's word. Raises ConfigError."""
        path = self.path()
        overrides = Overrides(
            workers=self.workers,
            state_dir=self.state_dir,
            worker_id=self.worker_id,
            log_level=self.log_level,
            log_format=self.log_format,
            log_file=self.log_file,
        )
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
    help="How much to say [file's, or info].",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    help="json: one object a line; auto: text, with systemd's priorities where its journal listens [file's, or auto].",
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Log into this file, which is rotated, instead of standard error.",
)
@click.option(PROBE, "probe", hidden=True, metavar="LAYOUT")
def main(
    config: Path | None,
    workers: int | None,
    local: bool,
    state_dir: Path | None,
    worker_id: str | None,
    log_level: str | None,
    log_format: str | None,
    log_file: Path | None,
    probe: str | None,
) -> None:
    """Supervise a pool of workers for CueAPI.

    Each worker claims one execution at a time, keeps its lease alive, runs the task's handler and reports the outcome.
    `cueworker check` shows what a configuration would run.

    \b
      cueworker-supervise --local
      cueworker-supervise --config /etc/cueworker/cueworker.yaml --workers 16

    \b
    TERM, INT   drain: handlers may finish for `shutdown_grace`, then TERM, then KILL
                a second one starts the killing at once
    QUIT        kill the handlers at once, report, leave
    HUP         reload the configuration; running handlers are not touched
                (on a terminal: drain)
    TSTP, CONT  pause and resume: nothing is claimed meanwhile, what runs goes on
                (^Z on the pool's terminal pauses it, too)
    TTIN, TTOU  one worker more, one less, until the next reload
    USR1        reopen the log file
    USR2        go on with the version that is installed now

    The same and more by command: `cueworker status`, `top`, `cancel`, `pause`, `resume`, `scale`, `recycle`, `reload`,
    `upgrade`, `drain`.

    Exit codes: 0 stopped as asked; 70 no worker could start; 73 state directory or local server unusable;
    75 another pool holds the state directory; 77 the server refuses the API key and `on_auth_failure: exit` is set;
    78 the configuration is wrong.
    """
    log.to_stderr(log_level or "info")
    options = Options(config, workers, local, state_dir, worker_id, log_level, log_format, log_file)
    sys.exit(supervise(options) if probe is None else could_take_over(options, probe))


def could_take_over(options: Options, layout: str) -> int:
    """Whether this program could take over from a running pool whose board has this layout, as an exit code."""
    try:
        options.load()
    except ConfigError as error:
        click.echo(str(error), err=True)
        return EXIT_CONFIG
    if layout != LAYOUT:
        click.echo(
            "the new version cannot take over running workers from this one: restart the pool", err=True
        )
        return EXIT_INCOMPATIBLE
    return EXIT_OK


def supervise(options: Options) -> int:
    """Run a pool until it is stopped; returns the exit code."""
    signals = Signals()
    signals.install()
    try:
        return _supervise(options, signals)
    finally:
        hold_back()


def _supervise(options: Options, signals: Signals) -> int:
    handover = take()
    try:
        return _begin(options, signals) if handover is None else _go_on(options, handover, signals)
    except ConfigError as error:
        click.echo(str(error), err=True)
        return EXIT_CONFIG
    except StateDirBusy as error:
        click.echo(f"cueworker-supervise: {error}", err=True)
        return EXIT_BUSY
    except (StateDirUnusable, LocalServerFailed) as error:
        click.echo(f"cueworker-supervise: {error}", err=True)
        return EXIT_UNUSABLE


def _begin(options: Options, signals: Signals) -> int:
    """Start a pool: what an earlier one left in the state directory is settled first."""
    loaded = options.load()
    settings = loaded.settings
    _log_as(settings)
    _warn(loaded)
    state_dir = StateDir(settings.state_dir.absolute())
    state_dir.prepare()
    lock = state_dir.lock(wait=settings.kill_grace + LOCK_PATIENCE, abandon=signals.has_end)
    if lock is None:
        return EXIT_OK
    sweep(state_dir)
    if not settle_all(state_dir, redacting(settings, os.environ)):
        raise StateDirUnusable(
            f"what an earlier pool left in {state_dir.root} cannot be settled, see above; "
            "make room on its disk, or give its files back to this user"
        )
    local = LocalChild(state_dir.local) if options.local else None
    if local is not None:
        settings = _at(local.start(), settings)
    memory = Board.make_memory()
    shared = _shared(settings, state_dir, lock, Board(settings.workers, memory), memory)
    emit(
        "pool.started",
        workers=settings.workers,
        handlers=", ".join(sorted(settings.handlers)),
        server=settings.api_base,
        worker_id=settings.worker_id,
        state_dir=state_dir.root,
    )
    return _run(options, settings, shared, local, signals)


def _go_on(options: Options, handover: Handover, signals: Signals) -> int:
    """Take over the pool of this process's earlier program: its lock, its board, and the workers that are busy."""
    let_through()
    state_dir = StateDir(handover.state_dir)
    local = LocalChild(state_dir.local) if options.local else None
    server = None if local is None or handover.local_server is None else local.adopt(handover.local_server)
    if local is not None and server is None:
        server = local.start()
    settings = _load_in_time(options, signals)
    settings = replace(settings, worker_id=handover.worker_id, state_dir=handover.state_dir)
    settings = settings if server is None else _at(server, settings)
    _log_as(settings)
    board = Board(None, handover.board)
    shared = _shared(settings, state_dir, handover.lock, board, handover.board, handover.counters)
    emit("pool.upgraded", before=handover.version, version=version(), adopted=len(handover.workers))
    return _run(options, settings, shared, local, signals, handover.workers)


def _load_in_time(options: Options, signals: Signals) -> Settings:
    """The configuration was right a moment ago. If it is not now, the workers go on meanwhile."""
    while True:
        try:
            loaded = options.load()
        except ConfigError as error:
            for problem in error.problems:
                emit("pool.not_reloaded", reason=problem)
            if signals.has_end():
                raise
            time.sleep(RETRY_LOADING)
        else:
            _warn(loaded)
            return loaded.settings


def _shared(
    settings: Settings,
    state_dir: StateDir,
    lock: int,
    board: Board,
    memory: int | None,
    counters: Counters | None = None,
) -> Shared:
    tally, tally_memory = tally_for(settings.handlers, counters)
    return Shared(
        state_dir=state_dir,
        lock=lock,
        board=board,
        board_memory=memory,
        offers=Offers(),
        notices=Notices(),
        spooled=Notices(),
        approved=Notices(),
        budget=Budget.create(state_dir.root / "budget.lock"),
        account=Account(settings.api_key, settings.api_base),
        supervisor_pid=os.getpid(),
        tally=tally,
        tally_memory=tally_memory,
    )


def _run(
    options: Options,
    settings: Settings,
    shared: Shared,
    local: LocalChild | None,
    signals: Signals,
    adopted: Sequence[Adopted] = (),
) -> int:
    setproctitle.setproctitle(TITLE)
    prctl.become_subreaper()
    # On a terminal HUP means that the terminal is gone.
    hangup_drains = sys.stdin is not None and sys.stdin.isatty()
    reload = _reloader(options, settings, local)
    keys = KeysOfPool(options.load, options.path(), os.environ) if local is None else KeysOfLocalServer(local)
    keeper = AccountKeeper(shared.account, shared.approved, (shared.notices, shared.spooled), keys)
    return Supervisor(
        settings,
        shared,
        signals,
        reload,
        hangup_drains=hangup_drains,
        local=local,
        account=keeper,
        adopted=adopted,
    ).run()


def _reloader(
    options: Options, running: Settings, local: LocalChild | None
) -> Callable[[], Settings | tuple[str, ...]]:
    """What reads the configuration again; it returns what is wrong, if anything is."""

    def reload() -> Settings | tuple[str, ...]:
        try:
            loaded = options.load()
        except ConfigError as error:
            for problem in error.problems:
                emit("pool.not_reloaded", reason=problem)
            return tuple(map(str, error.problems))
        _warn(loaded)
        settings = loaded.settings
        for name in ("worker_id", "state_dir"):
            if getattr(settings, name) != getattr(running, name):
                emit(
                    "config.warning",
                    problem=f"`{name}` cannot change while the pool runs; restart it for that",
                )
        settings = replace(settings, worker_id=running.worker_id, state_dir=running.state_dir)
        if local is not None and local.server is not None:
            settings = _at(local.server, settings)
        _log_as(settings)
        return settings

    return reload


def _log_as(settings: Settings) -> None:
    log.configure(settings.log, Redaction(settings, os.environ).pool)


def _at(server: LocalServer, settings: Settings) -> Settings:
    # Its key comes from its own directory alone: there is nobody to ask for another.
    return replace(settings, api_base=server.url, api_key=server.api_key, email=None)


def _warn(loaded: LoadedConfig) -> None:
    for problem in (*loaded.warnings, *loaded.refused):
        emit("config.warning", problem=problem)
