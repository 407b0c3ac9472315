"""The one database connection, and its group commit.

Writes that arrive in the same turn of the event loop share one transaction, which is committed at the start
of the next turn; answers wait for that commit (`settled`). WAL with synchronous=NORMAL: an acknowledged write
survives a kill -9 of this process, since the log is then in the kernel's page cache. A power cut may lose the
last commits but never corrupts the file; the real service is the place for data that must survive that.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .changes import Changes
from .schema import migrate

CACHE_KIB = 64 << 10
"""Memory that pages may take: as many as the writes of a busy hour touch; SQLite's 2 MiB are read again and again."""
CHECKPOINT_PAGES = 4000
"""Pages of the log, 16 MiB, after which it is merged into the database."""


class Store:
    """Owned by the event loop's thread; every method is called there."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the database, 0600. Raises sqlite3.Error, schema.UnknownSchema."""
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self.db = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute("PRAGMA foreign_keys = ON")
        self.db.execute("PRAGMA busy_timeout = 5000")
        self.db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self.db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        migrate(self.db)
        self.changes = Changes()
        """Announced after each commit that changed a row."""
        self._announced = self.db.total_changes
        self._open = False
        self._waiting: list[asyncio.Future[None]] = []

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One atomic write inside the turn's shared transaction: an exception takes back this write alone."""
        if not self._open:
            self.db.execute("BEGIN IMMEDIATE")
            self._open = True
            asyncio.get_running_loop().call_soon(self._commit)
        elif not self.db.in_transaction:
            raise sqlite3.OperationalError("the disk refused an earlier write of this turn")
        self.db.execute("SAVEPOINT one_write")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK TO one_write")
            raise
        finally:
            self.db.execute("RELEASE one_write")

    async def settled(self) -> None:
        """Returns when everything written and read so far is committed, so that no answer tells what a crash
        could take back. Raises sqlite3.Error when the commit failed (the disk is full)."""
        if self._open:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _commit(self) -> None:
        if not self._open:
            return
        waiting, self._waiting, self._open = self._waiting, [], False
        failure: sqlite3.Error | None = None
        try:
            self.db.execute("COMMIT")
        except sqlite3.Error as error:
            failure = error
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
        if self._announced != self.db.total_changes:
            self._announced = self.db.total_changes
            self.changes.announce()
        for future in waiting:
            if future.done():
                continue
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)

    def close(self) -> None:
        """Commits what is open and closes the database."""
        self._commit()
        self.db.close()
