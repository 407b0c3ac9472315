"""Running the server: from a free state directory to a clean exit."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import uvicorn
from setproctitle import setproctitle

from .app import Application
from .dashboard import Dashboard
from .discovery import SERVER_FILE, write_server_file
from .errors import AnsweredInternal
from .joined import http_protocol
from .keys import KeyRing, digest, local_account
from .listener import OpenToOthers, is_loopback, listen, url_of
from .options import Rules
from .own_key import OwnKey
from .parent import die_with_parent
from .routes import build_routes
from .schema import UnknownSchema
from .site import Site
from .state_dir import StateDirBusy, hold
from .store import Store
from .ticker import Ticker
from .version import version
from .waiters import Waiters

DATABASE = "cueworker.db"
_KEEP_ALIVE = 75
"""Seconds an idle connection is kept: longer than any pool's poll interval."""
_GRACE = 2
"""Seconds that answers in progress get at shutdown."""

log = logging.getLogger(__name__)


def serve(
    *,
    state_dir: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    api_key: str | None = None,
    rules: Rules,
    parent_pid: int | None = None,
    log_level: str = "warning",
) -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit code: 0, or 1 when it cannot start (told on stderr).

    `host` must be this machine alone unless an `api_key` is given. `port` 0 picks a free port; `api_key` is
    accepted besides the key in `<state_dir>/api_key`; with `parent_pid` the server ends when that process, which
    must be its parent, does. Call it from the main thread.
    """
    _log_to_stderr(log_level)
    setproctitle("cueworker: local server")
    try:
        if parent_pid is not None and not die_with_parent(parent_pid):
            return 0
        with (
            _held(state_dir),
            contextlib.closing(listen(host, port, to_others=bool(api_key))) as listener,
        ):
            store = Store(state_dir / DATABASE)
            asyncio.run(_serve(listener, store, state_dir, api_key, rules, host=host))
    except OSError as error:
        return _cannot_start(_explain(error, host, port))
    except (OpenToOthers, StateDirBusy, UnknownSchema) as error:
        return _cannot_start(str(error))
    except sqlite3.Error as error:
        return _cannot_start(f"{state_dir / DATABASE}: {error}")
    return 0


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another one with --port (0 picks a free one)"
    return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else f" ({host}:{port})")


def _cannot_start(reason: str) -> int:
    print(f"cueworker local server: cannot start: {reason}", file=sys.stderr)  # noqa: T201
    return 1


@contextlib.contextmanager
def _held(state_dir: Path) -> Iterator[None]:
    lock = hold(state_dir)
    try:
        yield
    finally:
        os.close(lock)


async def _serve(
    listener: socket.socket,
    store: Store,
    state_dir: Path,
    api_key: str | None,
    rules: Rules,
    *,
    host: str,
) -> None:
    waiters = Waiters()
    ticker = Ticker(store, waiters, rules)
    keys = _register_keys(store, state_dir, api_key)
    site = Site(store=store, keys=keys, waiters=waiters, ticker=ticker, rules=rules, host=host)
    pages = Dashboard(site)
    application = Application([*build_routes(site), *pages.routes()], refuse=pages.refuse)
    server = _Server(application, lambda: _announce(listener, state_dir))

    def stop() -> None:
        waiters.close()
        store.changes.close()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    ticking = asyncio.create_task(ticker.run(), name="ticker")
    try:
        await server.serve(sockets=[listener])
    finally:
        ticking.cancel()
        (state_dir / SERVER_FILE).unlink(missing_ok=True)
        with contextlib.suppress(sqlite3.Error), store.writing() as db:
            keys.save_uses(db)
        store.close()


def _register_keys(store: Store, state_dir: Path, api_key: str | None) -> KeyRing:
    now = time.time()
    keys = KeyRing(store.db, OwnKey(state_dir))
    with store.writing() as db:
        account = local_account(db, now=now)
        keys.add_own(db, account, now=now)
        if api_key:
            keys.add(db, account, api_key, label="--api-key", now=now)
    if api_key and (ended := keys.ended(digest(api_key))):
        log.warning("the key of --api-key was %s and stays so; give another one", ended)
    return keys


def _announce(listener: socket.socket, state_dir: Path) -> None:
    """The server answers from now on: tells where."""
    url = url_of(listener)
    pid = os.getpid()
    write_server_file(
        state_dir,
        {
            "url": url,
            "pid": pid,
            "start_time": psutil.Process(pid).create_time(),
            "version": version(),
        },
    )
    if not is_loopback(listener):
        log.warning(
            "listening on %s, reachable from OTHER MACHINES, over plain HTTP: the key is sent in clear", url
        )
    print(f"listening on {url}", file=sys.stderr, flush=True)  # noqa: T201


class _Server(uvicorn.Server):
    """uvicorn with our own signal handling: a stop by signal is a clean exit that wakes held listings."""

    def __init__(self, application: Application, announce: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=http_protocol(),
                lifespan="off",
                ws="none",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._announce = announce

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """A 500 was logged where it arose; the exception that only closes its connection says nothing new."""
    return not (record.exc_info and isinstance(record.exc_info[1], AnsweredInternal))
