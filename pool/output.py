"""One of a handler's output streams on its way: without secrets into memory, for the report, and into the log."""

from __future__ import annotations

from collections.abc import Callable

from .capture import HeadAndTail
from .execution_log import ExecutionLog
from .redact import RedactedStream, Redactor


class Output:
    """Takes what a handler writes to one stream; its `text` is for the report."""

    def __init__(self, redactor: Redactor | None, log: Callable[[bytes], None] | None) -> None:
        self._redactor = redactor
        # Made at the first bytes: most handlers write to one stream or to none.
        self._stream: RedactedStream | None = None
        self._log = log
        self._kept = HeadAndTail()

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        if self._redactor is not None:
            self._stream = self._stream or self._redactor.stream()
            data = self._stream.feed(data)
        self._pass(data)

    def text(self) -> str:
        """What was kept, once all has been taken in."""
        if self._stream is not None:
            self._pass(self._stream.finish())
        return self._kept.text()

    def _pass(self, data: bytes) -> None:
        if data:
            self._kept.add(data)
            if self._log is not None:
                self._log(data)


class Outputs:
    """Both streams of one handler, and its log, which has them in the order in which they came."""

    def __init__(self, redactor: Redactor | None, log: ExecutionLog | None) -> None:
        self._redactor = redactor
        self._joined: RedactedStream | None = None
        self._log = log
        to_log = None if log is None else self._to_log
        self.streams = (Output(redactor, to_log), Output(redactor, to_log))
        """Standard output and standard error."""

    def close(self) -> None:
        """No more will come."""
        if self._log is not None:
            if self._joined is not None:
                self._log.add(self._joined.finish())
            self._log.close()

    def _to_log(self, data: bytes) -> None:
        if self._log is None or self._log.is_done:
            return
        if self._redactor is not None:
            # Once more: a secret of which each stream has a part may be whole where they meet.
            self._joined = self._joined or self._redactor.stream()
            data = self._joined.feed(data)
        self._log.add(data)
