"""Getting one report to the server: what each answer means for it (ARCHITECTURE, step 7).

Used by the worker for its one attempt at once, and by the steward for all further ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..client import (
    BadRequest,
    Conflict,
    CueAPIError,
    Forbidden,
    NotFound,
    ServerError,
    TooLarge,
    Unprocessable,
)
from ..outcome import Report, shrink
from .source import Source
from .spool import Ownership


class Fate(Enum):
    """What became of a report."""

    RECORDED = "recorded"
    SETTLED = "already recorded"
    """409: the server has an outcome, ours whose answer was lost or an earlier one."""
    GONE = "gone"
    """404: the execution is no more."""
    NOT_OURS = "not ours"
    """The execution is another worker's: reporting it would be a lie."""
    WAITING = "waiting"
    """Not acknowledged; to be sent again."""

    @property
    def is_final(self) -> bool:
        """Whether the spool entry may go."""
        return self is not Fate.WAITING


@dataclass(frozen=True)
class Delivery:
    """The result of one attempt."""

    fate: Fate
    error: CueAPIError | None = None
    """Why it is waiting, gone or settled."""

    @property
    def server_failed(self) -> bool:
        """Whether the server answered 5xx: it may be this report that it cannot digest."""
        return self.fate is Fate.WAITING and isinstance(self.error, ServerError)


def check_ownership(source: Source, execution_id: str, ownership: Ownership) -> Fate | None:
    """Ask the server whose an execution is, as far as `ownership` wants it known.

    None: go on and report. Raises CueAPIError if the question was not answered.
    """
    if ownership is Ownership.OURS:
        return None
    try:
        source.heartbeat(execution_id)
    except Forbidden:
        return Fate.NOT_OURS
    except NotFound:
        return Fate.GONE
    except Conflict:
        return Fate.NOT_OURS if ownership is Ownership.DOUBTFUL else None
    return None


def deliver(source: Source, execution_id: str, report: Report, ownership: Ownership) -> Delivery:
    """Try once to get a report recorded.

    A report that the server refuses for its contents is cut at once, step by step, until it is taken: the outcome is
    write-once, so only what must go goes.
    """
    try:
        fate = check_ownership(source, execution_id, ownership)
        if fate is not None:
            return Delivery(fate)
        _report_smaller_and_smaller(source, execution_id, report)
    except Conflict as error:
        return Delivery(Fate.SETTLED, error)
    except NotFound as error:
        return Delivery(Fate.GONE, error)
    except CueAPIError as error:
        return Delivery(Fate.WAITING, error)
    return Delivery(Fate.RECORDED)


def _report_smaller_and_smaller(source: Source, execution_id: str, report: Report) -> None:
    while True:
        try:
            source.report(execution_id, report)
            return
        except (BadRequest, TooLarge, Unprocessable):
            smaller = shrink(report)
            if smaller is None:
                raise
            report = smaller
