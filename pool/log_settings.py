"""What is logged, where, and for how long: a part of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Format = Literal["auto", "text", "json"]
Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """The pool's log. Sizes in bytes, durations in seconds."""

    level: Level = "info"
    format: Format = "auto"
    """`auto` is text: for people, or for systemd's journal where standard error leads there."""
    file: Path | None = None
    """None: standard error."""
    max_size: int = 10 << 20
    """A file this large is set aside as `<file>.1`."""
    max_age: float | None = None
    """So is one whose last line is of an earlier period of this length, counted from 1970 (UTC)."""
    keep: int = 5
    """Files that were set aside and are kept."""


@dataclass(frozen=True, kw_only=True)
class ExecutionLogs:
    """What is kept of handlers' output."""

    keep: float = 7 * 86400.0
    """Seconds after the last write."""
    max_size: int = 10 << 20
    """Bytes of one execution's."""
