"""Answers of the server in words: each error has one, and it stands in the table."""

from __future__ import annotations

from collections.abc import Iterator

from cueworker.client.errors import BudgetExhausted, CueAPIError, LoginEnded, RefusedByServer, refusal_class
from cueworker.pool.calls import ANSWERS, CALLS, answer_word, call_of_keeper


def kinds(kind: type[CueAPIError]) -> Iterator[type[CueAPIError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


NOT_REFUSALS = [kind for kind in kinds(CueAPIError) if not issubclass(kind, RefusedByServer)]


def test_a_good_answer_is_ok() -> None:
    assert answer_word(None) == "ok"


def test_every_failure_without_an_answer_has_a_word_of_its_own() -> None:
    words = {
        kind: answer_word(BudgetExhausted(1.0) if kind is BudgetExhausted else kind("why"))
        for kind in NOT_REFUSALS
    }
    assert set(words.values()) <= set(ANSWERS)
    # A login is no call of the pool's sources.
    assert {kind for kind, word in words.items() if word == "other"} == {CueAPIError, LoginEnded}
    assert len(set(words.values())) == len(words) - 1 > 4


def test_every_status_has_a_word() -> None:
    named = {status: str(status) for status in (400, 401, 403, 404, 409, 413, 422, 429)}
    ranges = {300: "3xx", 308: "3xx", 402: "4xx", 418: "4xx", 500: "5xx", 503: "5xx", 777: "5xx"}
    for status, word in (named | ranges).items():
        assert answer_word(refusal_class(status)(status, "code", "message")) == word
        assert word in ANSWERS


def test_the_keepers_calls_are_told_apart() -> None:
    assert {call: call_of_keeper(call) for call in ("heartbeat", "claim", "list")} == {
        "heartbeat": "renew",
        "claim": "reclaim",
        "list": "list",
    }
    assert {"renew", "reclaim"} < set(CALLS)
