"""Starting a pool, or going on with one after an upgrade: from the command line to the supervisor's loop."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

import click
import setproctitle

from ..client import Budget
from ..local.version import version
from ..pool import prctl
from ..pool.account import Account
from ..pool.board import Board
from ..pool.cgroup import Cgroups
from ..pool.errors import StateDirBusy, StateDirUnusable
from ..pool.events import emit
from ..pool.memory import Memories
from ..pool.offers import Notices, Offers
from ..pool.settings import Settings
from ..pool.shared import Shared
from ..pool.spool import Spool
from ..pool.state_dir import StateDir
from . import exit_codes
from .account_keeper import AccountKeeper
from .config import ConfigError
from .counting import tally_for
from .delegation import take_over
from .enforcement import prepare
from .handover import Adopted, Counters, Handover, take
from .keys_of_pool import KeysOfLocalServer, KeysOfPool
from .local_child import LocalChild, LocalServerFailed
from .notify import Notifier
from .operations import TITLE
from .options import Options
from .reloading import at_server, load_in_time, log_as, reloader, warn
from .service_watch import ServiceWatch
from .settlement import redacting, settle_all
from .signals import Signals, hold_back, let_through
from .supervisor import Supervisor
from .sweep import sweep

LOCK_PATIENCE = 10.0
"""Seconds beyond `kill_grace` that a starting supervisor waits for its predecessor's clean-up."""


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
        return exit_codes.CONFIG
    except StateDirBusy as error:
        click.echo(f"cueworker-supervise: {error}", err=True)
        return exit_codes.BUSY
    except (StateDirUnusable, LocalServerFailed) as error:
        click.echo(f"cueworker-supervise: {error}", err=True)
        return exit_codes.UNUSABLE


def _begin(options: Options, signals: Signals) -> int:
    """Start a pool: what an earlier one left in the state directory is settled first."""
    loaded = options.load()
    settings = loaded.settings
    log_as(settings)
    warn(loaded)
    state_dir = StateDir(settings.state_dir.absolute())
    state_dir.prepare()
    lock = state_dir.lock(wait=settings.kill_grace + LOCK_PATIENCE, abandon=signals.has_end)
    if lock is None:
        return exit_codes.OK
    cgroups = take_over()
    sweep(state_dir)
    if not settle_all(state_dir, redacting(settings, os.environ)):
        raise StateDirUnusable(
            f"what an earlier pool left in {state_dir.root} cannot be settled, see above; "
            "make room on its disk, or give its files back to this user"
        )
    # Before anything is started that would inherit its address.
    notifier = Notifier.from_environment(os.environ)
    local = LocalChild(state_dir.local) if options.local else None
    if local is not None:
        settings = at_server(local.start(), settings)
        log_as(settings)
    memories = Memories.make()
    board = Board(settings.workers, None if memories is None else memories.board)
    shared = _shared(settings, state_dir, lock=lock, board=board, memories=memories, cgroups=cgroups)
    emit(
        "pool.started",
        workers=settings.workers,
        handlers=", ".join(sorted(settings.handlers)),
        server=settings.api_base,
        worker_id=settings.worker_id,
        state_dir=state_dir.root,
    )
    return _run(options, settings, shared, signals, local=local, notifier=notifier)


def _go_on(options: Options, handover: Handover, signals: Signals) -> int:
    """Take over the pool of this process's earlier program: its lock, its board, and the workers that are busy."""
    let_through()
    notifier = Notifier.from_environment(os.environ)
    state_dir = StateDir(handover.state_dir)
    local = LocalChild(state_dir.local) if options.local else None
    server = None if local is None or handover.local_server is None else local.adopt(handover.local_server)
    if local is not None and server is None:
        server = local.start()
    settings = load_in_time(options, signals)
    settings = replace(settings, worker_id=handover.worker_id, state_dir=handover.state_dir)
    settings = settings if server is None else at_server(server, settings)
    log_as(settings)
    board = Board(None, handover.memories.board)
    cgroups = None if handover.cgroups is None else Cgroups(handover.cgroups)
    shared = _shared(
        settings,
        state_dir,
        lock=handover.lock,
        board=board,
        memories=handover.memories,
        cgroups=cgroups,
        counters=handover.counters,
    )
    emit("pool.upgraded", before=handover.version, version=version(), adopted=len(handover.workers))
    return _run(options, settings, shared, signals, local=local, notifier=notifier, adopted=handover.workers)


def _shared(
    settings: Settings,
    state_dir: StateDir,
    *,
    lock: int,
    board: Board,
    memories: Memories | None,
    cgroups: Cgroups | None,
    counters: Counters | None = None,
) -> Shared:
    tally, tally_memory = tally_for(settings.handlers, counters)
    return Shared(
        state_dir=state_dir,
        lock=lock,
        board=board,
        offers=Offers(),
        notices=Notices(),
        spooled=Notices(),
        approved=Notices(),
        budget=Budget.create(state_dir.root / "budget.lock"),
        account=Account(settings.api_key, settings.api_base, None if memories is None else memories.account),
        memories=memories,
        supervisor_pid=os.getpid(),
        tally=tally,
        tally_memory=tally_memory,
        cgroups=cgroups,
    )


def _run(
    options: Options,
    settings: Settings,
    shared: Shared,
    signals: Signals,
    *,
    local: LocalChild | None,
    notifier: Notifier,
    adopted: Sequence[Adopted] = (),
) -> int:
    setproctitle.setproctitle(TITLE)
    prctl.become_subreaper()
    # On a terminal HUP means that the terminal is gone.
    hangup_drains = sys.stdin is not None and sys.stdin.isatty()
    prepare(settings.handlers, shared.cgroups)
    reload = reloader(options, settings, local, shared.cgroups)
    watch = ServiceWatch(notifier, os.getpid(), lambda: len(Spool(shared.state_dir).paths()))
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
        watch=watch,
        adopted=adopted,
    ).run()
