"""Where events go: one line each, on standard error, which systemd's journal or a terminal takes, or into a file."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping

from .events import emit
from .log_file import LogFile
from .log_format import Lines, leads_to_journal
from .log_settings import LogSettings
from .redact import Redactor

_STANDARD_ERROR = 2


class _Handler(logging.Handler):
    """One for each process: a file that cannot be written is no reason to stop, nor to say nothing."""

    def __init__(self, lines: Lines, file: LogFile | None) -> None:
        super().__init__()
        self.lines = lines
        self.file = file
        self._is_failing = False
        self._is_stuck = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self.lines.line(record), record.created)
        except Exception:
            self.handleError(record)

    def _write(self, line: bytes, now: float) -> None:
        if self.file is None:
            _to_standard_error(line)
            return
        try:
            self.file.write(line, now)
        except OSError as error:
            _to_standard_error(line)
            if not self._is_failing:
                self._is_failing = True
                emit("log.unwritable", path=self.file.path, reason=error.strerror or error)
            return
        if self._is_failing:
            self._is_failing = False
            emit("log.writable", path=self.file.path)
        if self.file.stuck is None:
            self._is_stuck = False
        elif not self._is_stuck:
            self._is_stuck = True
            emit("log.stuck", path=self.file.path, reason=self.file.stuck)


def to_stderr(level: str) -> None:
    """Log to standard error from now on. `level` is debug, info, warning or error."""
    _install(_Handler(Lines("text"), None), level)


def configure(settings: LogSettings, redactor: Redactor, environ: Mapping[str, str] = os.environ) -> None:
    """Log as the settings say from now on, without the secrets that `redactor` knows.

    The processes that are forked later inherit it; each opens the file itself.
    """
    to_journal = settings.format == "auto" and settings.file is None and leads_to_journal(environ)
    lines = Lines(settings.format, to_journal=to_journal, redactor=redactor)
    file = None
    if settings.file is not None:
        file = LogFile(
            settings.file, max_size=settings.max_size, max_age=settings.max_age, keep=settings.keep
        )
    reopen()
    _install(_Handler(lines, file), settings.level)


def _install(handler: _Handler, level: str) -> None:
    logger = logging.getLogger("cueworker")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def named(process: str) -> None:
    """This process is `worker 3`, say, from now on."""
    for handler in _installed():
        handler.lines.process = process


def reopen() -> None:
    """Let go of the log file: the next line opens the one under its name. May be called in a signal handler."""
    for handler in _installed():
        if handler.file is not None:
            handler.file.reopen()


def _installed() -> list[_Handler]:
    return [each for each in logging.getLogger("cueworker").handlers if isinstance(each, _Handler)]


def _to_standard_error(line: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(_STANDARD_ERROR, line)
