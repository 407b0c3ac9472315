"""The calls to the server and their answers, as metrics name them. Pure."""

from __future__ import annotations

from ..client import (
    AnswerLost,
    BudgetExhausted,
    CueAPIError,
    MalformedAnswer,
    RefusedByServer,
    ServerUnreachable,
)

LIST, REGISTER, CLAIM, HEARTBEAT, REPORT = "list", "register", "claim", "heartbeat", "report"
RENEW, RECLAIM = "renew", "reclaim"
CALLS = (LIST, REGISTER, CLAIM, HEARTBEAT, REPORT, RENEW, RECLAIM)
"""`heartbeat` asks whose an execution is; `renew` and `reclaim` are the heartbeats and claims of the lease's keeper."""

_OF_KEEPER = {HEARTBEAT: RENEW, CLAIM: RECLAIM}

OK = "ok"
_STATUSES = ("400", "401", "403", "404", "409", "413", "422", "429")
_UNANSWERED: tuple[tuple[type[CueAPIError], str], ...] = (
    (ServerUnreachable, "unreachable"),
    (AnswerLost, "lost"),
    (MalformedAnswer, "malformed"),
    (BudgetExhausted, "no_budget"),
)
ANSWERS = (OK, *_STATUSES, "3xx", "4xx", "5xx", *(word for _, word in _UNANSWERED), "other")


def answer_word(error: CueAPIError | None) -> str:
    """One of `ANSWERS` for what a call came to; None: a good answer."""
    if error is None:
        return OK
    if isinstance(error, RefusedByServer):
        status = str(error.status)
        return status if status in _STATUSES else f"{min(error.status // 100, 5)}xx"
    return next((word for kind, word in _UNANSWERED if isinstance(error, kind)), "other")


def call_of_keeper(call: str) -> str:
    """The name of a call that the lease's keeper makes."""
    return _OF_KEEPER.get(call, call)
