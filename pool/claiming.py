"""Claiming one execution by id, and finding out whose it is when the answer was lost (ARCHITECTURE, step 2).

A claim is not idempotent: a second one answers 409 whoever has the row. So a lost answer is settled by an execution
heartbeat: 200 ours, 403 somebody else's, 404 gone, 409 nobody's yet, and then it is claimed once more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ..client import Conflict, CueAPIError, Forbidden, NotFound
from .clock import boottime
from .lease import TAKE_BACK, Lease
from .source import Source

_RETRY_FIRST = 0.2
_RETRY_LAST = 10.0
_HOLD = 1.0


class Answer(Enum):
    """What a claim came to, when it did not come to a lease."""

    REFUSED = "refused"
    """409 or 404: the row should rest for a while."""
    HOLD = "hold"
    """Nothing was claimed and nothing can be right now."""
    UNKNOWN = "unknown"
    """The answer was lost, and there was no time to settle whose the execution is."""


@dataclass(frozen=True)
class NoLease:
    """A claim without a lease."""

    answer: Answer
    reason: str
    hold: float = 0.0
    """Seconds to wait before the next claim of anything."""


def claim(
    source: Source,
    execution_id: str,
    pause: Callable[[float], bool],
    on_unsettled: Callable[[CueAPIError], None],
) -> Lease | NoLease:
    """Claim an execution. `pause(seconds)` waits and says whether there is time to go on asking."""
    sent = boottime()
    try:
        return Lease.granted(execution_id, sent, source.claim(execution_id))
    except (Conflict, NotFound) as error:
        return NoLease(Answer.REFUSED, str(error))
    except CueAPIError as error:
        if not error.may_have_been_acted_on:
            return NoLease(Answer.HOLD, str(error), max(_HOLD, error.retry_after or 0.0))
        on_unsettled(error)
        return _settle(source, execution_id, sent + TAKE_BACK, pause)


def _settle(
    source: Source, execution_id: str, give_up: float, pause: Callable[[float], bool]
) -> Lease | NoLease:
    delay = _RETRY_FIRST
    while True:
        try:
            return _ours(source, execution_id)
        except (Forbidden, NotFound, Conflict) as error:
            return NoLease(Answer.REFUSED, str(error))
        except CueAPIError as error:
            wait = delay if error.retry_after is None else max(delay, error.retry_after)
            if boottime() + wait > give_up or not pause(wait):
                return NoLease(Answer.UNKNOWN, str(error))
            delay = min(delay * 2, _RETRY_LAST)


def _ours(source: Source, execution_id: str) -> Lease:
    """The lease, if the execution is ours or can still become ours. Raises Conflict, Forbidden or NotFound if not."""
    with contextlib.suppress(Conflict):
        return _renewed(source, execution_id)
    # The lost claim may still be on its way, to be granted when nobody asks any more: now it will find the row taken.
    with contextlib.suppress(Conflict):
        sent = boottime()
        return Lease.granted(execution_id, sent, source.claim(execution_id))
    # Granted between the two questions, to the lost claim or to somebody else; or it cannot be claimed at all.
    return _renewed(source, execution_id)


def _renewed(source: Source, execution_id: str) -> Lease:
    sent = boottime()
    return Lease.granted(execution_id, sent, source.heartbeat(execution_id) or TAKE_BACK)
