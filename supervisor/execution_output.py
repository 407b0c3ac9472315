"""Where a running execution's output can be read, if it is logged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..pool.execution_log import path_of
from ..pool.state_dir import StateDir
from .config_paths import default_logs_dir


def output_file(
    state_dir: StateDir, execution_id: str, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """The log file of an execution: under systemd's first $LOGS_DIRECTORY, else in the state directory.

    None if there is no such file.
    """
    path = path_of(default_logs_dir(environ) or state_dir.root / "logs", execution_id)
    return path if path.is_file() else None
