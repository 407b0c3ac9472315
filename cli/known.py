"""Which executions a pool's state directory knows of, and which one the beginning of an id means."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..pool.history import newest_first
from ..pool.slot_record import SlotRecords
from ..pool.spool import Spool
from ..pool.state_dir import StateDir

_SHOWN = 5


class NotOne(Exception):
    """An id, or the beginning of one, that does not name one execution; the message says what to do."""

    def __init__(self, message: str, *, ambiguous: bool = False) -> None:
        super().__init__(message)
        self.ambiguous = ambiguous


def pick(prefix: str, ids: Iterable[str]) -> str:
    """The one of `ids` that `prefix` is, or is the beginning of. Raises NotOne."""
    matching = set()
    for known in ids:
        if known == prefix:
            return known
        if known.startswith(prefix):
            matching.add(known)
    if len(matching) == 1:
        return matching.pop()
    if not matching:
        raise NotOne(f"no execution {prefix!r} is known here")
    shown = ", ".join(sorted(matching)[:_SHOWN]) + (", …" if len(matching) > _SHOWN else "")
    raise NotOne(
        f"{prefix!r} is the beginning of {len(matching)} ids; give more of it: {shown}", ambiguous=True
    )


def running(state_dir: StateDir) -> Iterator[str]:
    """The executions in the slots."""
    yield from (record.execution_id for record in SlotRecords(state_dir).readable())


def waiting(state_dir: StateDir) -> Iterator[str]:
    """The executions whose reports wait in the spool. Raises OSError."""
    yield from (path.stem for path in Spool(state_dir).paths())


def settled(state_dir: StateDir) -> Iterator[str]:
    """The executions in the history, the newest first. Raises OSError."""
    yield from (line["execution_id"] for line in newest_first(state_dir.history))


def all_known(state_dir: StateDir) -> Iterator[str]:
    """All of these. Raises OSError."""
    yield from itertools.chain(running(state_dir), waiting(state_dir), settled(state_dir))


def log_of(state_dir: StateDir, execution_id: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The log of the execution's output, if there is one."""
    folders = [Path(environ["LOGS_DIRECTORY"])] if environ.get("LOGS_DIRECTORY") else []
    name = f"{state_dir.spool_entry(execution_id).stem}.log"
    for folder in (*folders, state_dir.root / "logs"):
        path = folder / "executions" / name
        if path.is_file():
            return path
    return None
