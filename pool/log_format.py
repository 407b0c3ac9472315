"""A log record as a line: text for people, text for systemd's journal, JSON for machines."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from .log_settings import Format
from .redact import Redactor

LONGEST_LINE = 4096
"""Bytes with the line break. A pipe takes that much whole (PIPE_BUF): lines of several processes never mix."""

OWN_FIELDS = ("ts", "level", "event", "msg", "process", "pid", "exception")
"""Names in the JSON form that no event's fact may have."""

_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""systemd's numbers, sd-daemon(3)."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ud800-\udfff\u2028\u2029]")
_FACT_LIMITS = (1000, 500, 250, 100)
"""Characters of a text in a JSON line that is too long, the first that makes it short enough."""


class Lines:
    """Makes lines of records for one process.

    `redactor` is asked before anything is cut or escaped.
    """

    def __init__(self, form: Format, *, to_journal: bool = False, redactor: Redactor | None = None) -> None:
        self._form = form
        self._to_journal = to_journal
        self.redactor = redactor or Redactor()
        self.process = "supervisor"
        """The name of this process: `supervisor`, `steward`, `worker 3`."""

    def line(self, record: logging.LogRecord) -> bytes:
        """The whole line with its break, at most `LONGEST_LINE` bytes (the journal's prefixes come on top).

        A traceback in text has several.
        """
        if self._form == "json":
            return self._json(record)
        body = _printable(self.redactor.text(_with_exception(record)))
        if self._to_journal:
            # The journal has the time; each of its entries is one line, of a priority of its own.
            prefix = f"<{_PRIORITY.get(record.levelno, 5)}>"
            return "".join(f"{prefix}{line}\n" for line in _within(body).split("\n")).encode()
        return f"{_within(f'{_timestamp(record)} {record.levelname:<7} {body}')}\n".encode()

    def _json(self, record: logging.LogRecord) -> bytes:
        facts: Mapping[str, Any] = getattr(record, "facts", {})
        line = {
            "ts": _timestamp(record, precise=True),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "unforeseen"),
            "msg": getattr(record, "words", None) or record.getMessage(),
            **{name: _plain(value) for name, value in facts.items()},
            "process": self.process,
            "pid": os.getpid(),
        }
        exception = _exception(record)
        if exception:
            line["exception"] = exception
        line = self.redactor.value(line)
        return _short_enough(line)


def leads_to_journal(environ: Mapping[str, str]) -> bool:
    """Whether standard error is a stream of systemd's journal (`JOURNAL_STREAM`, systemd.exec(5))."""
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _timestamp(record: logging.LogRecord, *, precise: bool = False) -> str:
    """RFC 3339, UTC."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z" if precise else f"{seconds}Z"


def _with_exception(record: logging.LogRecord) -> str:
    exception = _exception(record)
    return f"{record.getMessage()}\n{exception}" if exception else record.getMessage()


def _exception(record: logging.LogRecord) -> str:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else ""


def _printable(text: str) -> str:
    """Without what would move a terminal's cursor, and no line that could be taken for another record."""
    text = _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text.rstrip("\n"))
    return text.replace("\n", "\n    ")


def _within(text: str) -> str:
    if len(text.encode()) < LONGEST_LINE:
        return text
    # A character takes four bytes at most.
    return _cut(text, LONGEST_LINE - 1 if text.isascii() else LONGEST_LINE // 4)


def _cut(text: str, limit: int) -> str:
    """Beginning and end: of a traceback the last line says most."""
    half = (limit - 40) // 2
    return f"{text[:half]} ...[{len(text) - 2 * half:,} characters cut]... {text[-half:]}"


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else str(value)


def _encoded(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _short_enough(line: Mapping[str, Any]) -> bytes:
    encoded = _encoded(line)
    for limit in _FACT_LIMITS:
        if len(encoded) <= LONGEST_LINE:
            return encoded
        encoded = _encoded({name: _shortened(value, limit) for name, value in line.items()})
    if len(encoded) > LONGEST_LINE:
        encoded = _encoded(
            {name: _shortened(line[name], _FACT_LIMITS[-1]) for name in OWN_FIELDS if name in line}
        )
    return encoded


def _shortened(value: Any, limit: int) -> Any:
    return _cut(value, limit) if isinstance(value, str) and len(value) > limit else value
