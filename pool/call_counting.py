"""Counting the calls of a process to the server."""

from __future__ import annotations

import threading

from ..client import CueAPIError
from .calls import answer_word, call_of_keeper
from .counted import SERVER_CALLS
from .cueapi_source import OnAnswer
from .tally import Row


def counting(counts: Row) -> OnAnswer:
    """Counts the calls of one connection. Two connections that make the same call must not share a row."""

    def on_answer(call: str, error: CueAPIError | None) -> None:
        counts.add(SERVER_CALLS, call, answer_word(error))

    return on_answer


def counting_for_keeper(counts: Row) -> OnAnswer:
    """Counts the calls of a lease's keeper, under names of their own: it shares its row with the worker's connection.

    The thread of one lease may still wait for an answer when that of the next begins, so they take turns.
    """
    turn = threading.Lock()

    def on_answer(call: str, error: CueAPIError | None) -> None:
        with turn:
            counts.add(SERVER_CALLS, call_of_keeper(call), answer_word(error))

    return on_answer
