"""Where a running execution's output can be read, if it is logged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..pool.state_dir import StateDir


def output_file(
    state_dir: StateDir, execution_id: str, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """The log file of an execution: under systemd's first $LOGS_DIRECTORY, else in the state directory.

    None if there is no such file.
    """
    by_systemd = environ.get("LOGS_DIRECTORY", "").split(":")[0]
    logs = Path(by_systemd) if os.path.isabs(by_systemd) else state_dir.root / "logs"
    # Ids are no safe file names; the spool's are.
    path = logs / "executions" / f"{state_dir.spool_entry(execution_id).stem}.log"
    return path if path.is_file() else None
