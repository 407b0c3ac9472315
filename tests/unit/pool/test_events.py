"""Events: whatever is emitted exists and fills its sentence, and whatever exists is emitted somewhere.

A wrong name or a missing fact would show only when it happens, which for most of these is a bad day.
"""

from __future__ import annotations

import ast
import logging
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cueworker.pool import emit
from cueworker.pool.events import EVENTS
from support.repository import ROOT, rooms, sources


@dataclass(frozen=True)
class Call:
    """One `emit(…)` in the sources."""

    where: str
    names: frozenset[str]
    """The event; several where it is taken from a table of the same module."""
    facts: frozenset[str]


def calls(path: Path) -> Iterator[Call]:
    tree = ast.parse(path.read_text("utf-8"))
    table = frozenset(
        value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for value in node.values
        if isinstance(value, ast.Constant) and value.value in EVENTS
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "emit":
            name = node.args[0]
            names = frozenset([str(name.value)]) if isinstance(name, ast.Constant) else table
            facts = frozenset(keyword.arg or "**" for keyword in node.keywords)
            yield Call(f"{path.relative_to(ROOT)}:{node.lineno}", names, facts)


CALLS = [call for path in sources(*rooms()) if path != ROOT / "pool" / "events.py" for call in calls(path)]


def fields(words: str) -> dict[str, str]:
    """The facts that a sentence needs, each with its format."""
    return {name: spec or "" for _, name, spec, _ in string.Formatter().parse(words) if name is not None}


def test_calls_are_found() -> None:
    assert len(CALLS) > 30
    assert all(call.names for call in CALLS), "an event's name that cannot be read from the sources"


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.where)
def test_what_is_emitted_exists_and_fills_its_sentence(call: Call) -> None:
    for name in call.names:
        assert name in EVENTS
        needed = fields(EVENTS[name][1]).keys()
        assert needed <= call.facts, f"{call.where} does not say {needed - call.facts}"
        assert call.facts <= needed, f"{call.where} says {call.facts - needed}, which nobody hears"


def test_every_event_is_emitted_somewhere() -> None:
    emitted = {name for call in CALLS for name in call.names}
    assert set(EVENTS) - emitted == set()


@pytest.mark.parametrize("name", EVENTS)
def test_every_sentence_can_be_said_and_found_by_its_name(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    level, words = EVENTS[name]
    facts = {field: 1.5 if spec else f"<{field}>" for field, spec in fields(words).items()}
    with caplog.at_level(logging.DEBUG, logger="cueworker"):
        emit(name, **facts)
    (record,) = caplog.records
    assert record.levelno == level
    assert record.getMessage().endswith(f"  [{name}]")
    assert all(str(value) in record.getMessage() for value in facts.values() if isinstance(value, str))
    assert (record.__dict__["event"], record.__dict__["facts"]) == (name, facts)


def test_a_per_cent_sign_in_a_fact_is_only_a_sign(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="cueworker"):
        emit("config.warning", problem="100 %s of {it} and {0}")
    assert caplog.messages == ["100 %s of {it} and {0}  [config.warning]"]


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        emit("nobody.knows")
