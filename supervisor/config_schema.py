"""The settings a file may hold: their names, types and limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from ..pool.board import MAX_WORKERS
from ..pool.handler import Background, OnLeaseLost
from .config_field import Field, seconds, written
from .config_size import share, size

MAX_SECONDS = 1e9
"""No duration is longer: thirty years, so that no deadline overflows a clock."""

LEAST_MEMORY = 1024 * 1024
"""Bytes: with less no program begins."""

_Positive = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
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
ON_LEASE_LOST: Field[OnLeaseLost] = Field(Literal["kill", "finish"], "kill or finish")
BACKGROUND: Field[Background] = Field(Literal["kill", "leave"], "kill or leave")
MEMORY: Field[int] = Field(
    Annotated[int, Meta(ge=LEAST_MEMORY, le=2**60)], "a size from 1M on, such as 512M or 2G", size
)
CPU: Field[float] = Field(
    Annotated[float, Meta(ge=0.01, le=10_000)], "a percentage of one processor, such as 50% or 200%", share
)
PROCESSES: Field[int] = Field(Annotated[int, Meta(ge=1, le=2**22)], "a whole number from 1 on")
TEMPLATES: Field[Literal["paste"]] = Field(
    Literal["paste"], "paste", remedy="leave it out: templates are passed as quoted references"
)
ARGUMENT: Field[str] = Field(str, "text", written)
COMMAND: Field[str] = Field(str, "a shell command")

TOP: dict[str, Field[Any] | None] = {
    "api_key": API_KEY,
    "api_base": TEXT,
    "worker_id": WORKER_ID,
    "email": TEXT,
    "poll_interval": POLL_INTERVAL,
    "heartbeat_interval": DURATION,
    "max_concurrent": WORKERS,
    "workers": WORKERS,
    "handler_timeout": DURATION,
    "shutdown_grace": DURATION,
    "kill_grace": GRACE,
    "state_dir": TEXT,
    "on_lease_lost": ON_LEASE_LOST,
    "handlers": None,
}
"""The top level; None marks what is more than a single value."""

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

LIMITS: dict[str, Field[Any] | None] = {"memory": MEMORY, "cpu": CPU, "processes": PROCESSES}
"""A handler's `limits:`."""
