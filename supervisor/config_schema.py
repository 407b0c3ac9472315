"""The settings a file may hold: their names, types and limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from ..pool.board import MAX_WORKERS
from ..pool.handler import Background, OnLeaseLost
from ..pool.log_settings import Format, Level
from ..pool.settings import OnAuthFailure
from .config_field import Field, bytes_, seconds, written
from .config_size import share

MAX_SECONDS = 1e9
"""No duration is longer: thirty years, so that no deadline overflows a clock."""

LEAST_MEMORY = 1024 * 1024
"""Bytes: with less no program begins."""

_Positive = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
SMALLEST_MEMORY = 32 << 20
"""Bytes: a worker takes more to begin with."""

_NotNegative = Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
_WorkerId = Annotated[str, Meta(pattern=r"^[!-~]([ -~]{0,253}[!-~])?\Z")]

_DURATION = "a number of seconds above 0, or a duration such as 30s, 5m or 2h"

WORKERS: Field[int] = Field(
    Annotated[int, Meta(ge=1, le=MAX_WORKERS)], f"a whole number from 1 to {MAX_WORKERS}"
)
TEXT: Field[str] = Field(str, "text")
WORKER_ID: Field[str] = Field(
    _WorkerId, "1 to 255 printable ASCII characters without spaces around them", written
)
API_KEY: Field[str] = Field(str, "text in quotes", secret=True)
DURATION: Field[float] = Field(_Positive, _DURATION, seconds)
GRACE: Field[float] = Field(_NotNegative, _DURATION.replace("above 0", "from 0 on"), seconds)
POLL_INTERVAL: Field[float | Literal["auto"]] = Field(
    _Positive | Literal["auto"], f"auto, or {_DURATION}", seconds
)
EXECUTIONS: Field[int] = Field(Annotated[int, Meta(ge=1, le=10**12)], "a whole number from 1 on")
MEMORY: Field[int] = Field(
    Annotated[int, Meta(ge=SMALLEST_MEMORY, le=1 << 50)], "a size from 32M on, such as 512M or 2G", bytes_
)
AGE: Field[float] = Field(
    Annotated[float, Meta(ge=1, le=MAX_SECONDS)], _DURATION.replace("above 0", "from 1 on"), seconds
)
ON_AUTH_FAILURE: Field[OnAuthFailure] = Field(Literal["wait", "exit"], "wait or exit")
ON_LEASE_LOST: Field[OnLeaseLost] = Field(Literal["kill", "finish"], "kill or finish")
BACKGROUND: Field[Background] = Field(Literal["kill", "leave"], "kill or leave")
HANDLER_MEMORY: Field[int] = Field(
    Annotated[int, Meta(ge=LEAST_MEMORY, le=2**60)], "a size from 1M on, such as 512M or 2G", bytes_
)
CPU: Field[float] = Field(
    Annotated[float, Meta(ge=0.01, le=10_000)], "a percentage of one processor, such as 50% or 200%", share
)
PROCESSES: Field[int] = Field(Annotated[int, Meta(ge=1, le=2**22)], "a whole number from 1 on")
TEMPLATES: Field[Literal["paste"]] = Field(
    Literal["paste"], "paste", remedy="leave it out: templates are passed as quoted references"
)
SWITCH: Field[bool] = Field(bool, "true or false")
LOG_LEVEL: Field[Level] = Field(Level, "debug, info, warning or error")
LOG_FORMAT: Field[Format] = Field(Format, "auto, text or json")
LOG_SIZE: Field[int] = Field(
    Annotated[int, Meta(ge=4096, le=1 << 50)], "a size from 4K on, such as 512K, 10M or 1G", bytes_
)
KEPT_FILES: Field[int] = Field(Annotated[int, Meta(ge=0, le=1000)], "a whole number from 0 to 1000")
ARGUMENT: Field[str] = Field(str, "text", written)
COMMAND: Field[str] = Field(str, "a shell command")
METRICS_LISTEN: Field[str] = Field(str, "host:port", written)

TOP: dict[str, Field[Any] | None] = {
    "api_key": API_KEY,
    "api_base": TEXT,
    "worker_id": WORKER_ID,
    "email": TEXT,
    "on_auth_failure": ON_AUTH_FAILURE,
    "poll_interval": POLL_INTERVAL,
    "heartbeat_interval": DURATION,
    "max_concurrent": WORKERS,
    "workers": WORKERS,
    "handler_timeout": DURATION,
    "shutdown_grace": DURATION,
    "kill_grace": GRACE,
    "state_dir": TEXT,
    "max_executions": EXECUTIONS,
    "max_memory": MEMORY,
    "max_age": AGE,
    "on_lease_lost": ON_LEASE_LOST,
    "log": None,
    "execution_logs": None,
    "secrets": None,
    "redact": SWITCH,
    "metrics": None,
    "handlers": None,
}
"""The top level; None marks what is more than a single value."""

LOG: dict[str, Field[Any] | None] = {
    "format": LOG_FORMAT,
    "file": TEXT,
    "level": LOG_LEVEL,
    "max_size": LOG_SIZE,
    "max_age": DURATION,
    "keep": KEPT_FILES,
}
"""`log:`."""

EXECUTION_LOGS: dict[str, Field[Any] | None] = {"keep": DURATION, "max_size": LOG_SIZE}
"""`execution_logs:`."""

HANDLER: dict[str, Field[Any] | None] = {
    "cmd": COMMAND,
    "argv": None,
    "cwd": TEXT,
    "timeout": DURATION,
    "env": None,
    "on_lease_lost": ON_LEASE_LOST,
    "templates": TEMPLATES,
    "background": BACKGROUND,
    "limits": None,
}
"""A handler that is written as a mapping."""

METRICS: dict[str, Field[Any] | None] = {"listen": METRICS_LISTEN}
"""What stands under `metrics`."""
LIMITS: dict[str, Field[Any] | None] = {"memory": HANDLER_MEMORY, "cpu": CPU, "processes": PROCESSES}
"""A handler's `limits:`."""
