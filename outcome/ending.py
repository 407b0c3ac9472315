"""How the execution of a handler ended, before anybody has looked at its outcome file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EndingKind(StrEnum):
    """The eight ways an execution ends. The value is what `metadata._cueapi_worker.ending` says."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    """Killed by a signal that the pool did not send."""
    TIMED_OUT = "timed_out"
    LEASE_LOST = "lease_lost"
    SHUT_DOWN = "shut_down"
    CANCELLED = "cancelled"
    """An operator asked for it."""
    COULD_NOT_START = "could_not_start"
    WORKER_LOST = "worker_lost"
    """The worker died under the handler; what the handler achieved is unknown."""


@dataclass(frozen=True)
class Ending:
    """One ending with what is known about it. Build it with the classmethod named after the kind."""

    kind: EndingKind
    exit_code: int | None = None
    signal: int | None = None
    timeout: float | None = None
    """Seconds the handler was allowed to run."""
    detail: str | None = None
    """Why, in words that end up in the report's error."""
    survivors: tuple[str, ...] = ()
    """Names of processes that outlived KILL (promise 2: they are named, never silently left)."""

    @classmethod
    def exited(cls, code: int) -> Ending:
        """The handler ended by itself with `code`."""
        return cls(EndingKind.EXITED, exit_code=code)

    @classmethod
    def signalled(cls, signum: int) -> Ending:
        """A signal that the pool did not send killed the handler."""
        return cls(EndingKind.SIGNALLED, signal=signum)

    @classmethod
    def timed_out(cls, timeout: float) -> Ending:
        """The pool killed the handler after `timeout` seconds."""
        return cls(EndingKind.TIMED_OUT, timeout=timeout)

    @classmethod
    def lease_lost(cls, detail: str) -> Ending:
        """The pool killed the handler because its lease was lost or could not be renewed."""
        return cls(EndingKind.LEASE_LOST, detail=detail)

    @classmethod
    def shut_down(cls, detail: str | None = None) -> Ending:
        """The pool killed the handler because the pool itself had to stop."""
        return cls(EndingKind.SHUT_DOWN, detail=detail)

    @classmethod
    def cancelled(cls) -> Ending:
        """The pool killed the handler, or never started it, because an operator asked for that."""
        return cls(EndingKind.CANCELLED)

    @classmethod
    def could_not_start(cls, detail: str) -> Ending:
        """The handler never ran; `detail` names what was in the way."""
        return cls(EndingKind.COULD_NOT_START, detail=detail)

    @classmethod
    def worker_lost(cls, detail: str | None = None) -> Ending:
        """The worker process died while it held the execution."""
        return cls(EndingKind.WORKER_LOST, detail=detail)
