"""What the command line says about a pool, and the configuration that comes of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from .config import LoadedConfig, Overrides, find_config, load_config
from .local_child import PENDING_BASE, PENDING_KEY


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
