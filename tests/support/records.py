"""A state directory as a pool would have left it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cueworker.pool import StateDir
from cueworker.pool.identity import boot_id, start_time
from cueworker.pool.slot_record import Phase, SlotRecord


def prepared(folder: Path) -> StateDir:
    """A fresh state directory."""
    state_dir = StateDir(folder)
    state_dir.prepare()
    return state_dir


def slot_record(**changes: Any) -> SlotRecord:
    """A record whose worker is this process."""
    fields: dict[str, Any] = {
        "slot": 0,
        "phase": Phase.RUNNING,
        "execution_id": "e-1",
        "task": "report",
        "worker_pid": os.getpid(),
        "worker_started": start_time(os.getpid()),
        "boot": boot_id(),
        "outcome_file": "/nonexistent/outcome.json",
        "claimed_at": 1_700_000_000.0,
    }
    return SlotRecord(**{**fields, **changes})


def write_record(state_dir: StateDir, **changes: Any) -> SlotRecord:
    """Leave a record behind, as a worker that has died since."""
    record = slot_record(**{"worker_started": "0", **changes})
    state_dir.slot_record(record.slot).write_text(json.dumps(vars(record)))
    return record
