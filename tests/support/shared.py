"""What the processes of a pool share, without the processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cueworker.client import Budget
from cueworker.pool.account import Account
from cueworker.pool.board import Board
from cueworker.pool.offers import Notices, Offers
from cueworker.pool.shared import Shared
from cueworker.pool.state_dir import StateDir
from cueworker.pool.tally import Tally

_NO_LOCK = -1


@contextlib.contextmanager
def shared_by(workers: int, tasks: Iterable[str], folder: Path) -> Iterator[Shared]:
    """A pool of that many slots for these tasks; this process is its supervisor."""
    state_dir = StateDir(folder / "state")
    state_dir.prepare()
    tally = Tally(tasks)
    tally.resize(workers)
    with contextlib.closing(Budget.create(folder / "budget.lock")) as budget:
        made = Shared(
            state_dir=state_dir,
            lock=_NO_LOCK,
            board=Board(workers),
            offers=Offers(),
            notices=Notices(),
            spooled=Notices(),
            approved=Notices(),
            budget=budget,
            account=Account("key", "http://127.0.0.1:1"),
            supervisor_pid=os.getpid(),
            tally=tally,
        )
        yield made
        for descriptor in made.descriptors() - {_NO_LOCK}:
            os.close(descriptor)
