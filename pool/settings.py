"""The validated configuration, frozen: what every process of a pool is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .handler import Handler
from .log_settings import ExecutionLogs, LogSettings
from .recycling import NO_LIMITS, Limits

OnAuthFailure = Literal["wait", "exit"]
"""What the pool does when the server refuses its key and there is no other."""

DEFAULT_API_BASE = "https://api.cueapi.ai"


@dataclass(frozen=True)
class Listen:
    """An address to listen at."""

    host: str
    port: int
    """0: any free one."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A pool's settings after defaults, credentials and command-line options. Durations are in seconds."""

    api_key: str = field(repr=False)
    worker_id: str
    state_dir: Path
    handlers: Mapping[str, Handler]
    api_base: str = DEFAULT_API_BASE
    email: str | None = None
    """Who may approve another key when the server refuses this one."""
    on_auth_failure: OnAuthFailure = "wait"
    workers: int = 4
    poll_interval: float | None = None
    """The idle cadence of listing; None is `auto` (0.1 s to 5 s, within half of what the budget leaves)."""
    heartbeat_interval: float = 30.0
    handler_timeout: float = 300.0
    shutdown_grace: float = 30.0
    """How long a drain lets handlers finish before the kill ladder starts."""
    kill_grace: float = 5.0
    """Between TERM and KILL on the kill ladder."""
    metrics: Listen | None = None
    """Where metrics and health are served; None: nowhere."""
    limits: Limits = NO_LIMITS
    """When a worker process is replaced by a fresh one."""
    log: LogSettings = field(default_factory=LogSettings)
    execution_logs: ExecutionLogs | None = field(default_factory=ExecutionLogs)
    """None: handlers' output is not logged."""
    logs_dir: Path | None = None
    """What systemd gave the pool for its logs; None: a folder in the state directory."""
    secrets: tuple[str, ...] = ()
    """Names of environment variables that hold secrets, besides those that are called like one."""
    redact: bool = True
    """Whether secrets are taken out of handlers' output and reports."""

    @property
    def logs(self) -> Path:
        """Where the logs of executions are, in `executions/`."""
        return self.logs_dir or self.state_dir / "logs"
