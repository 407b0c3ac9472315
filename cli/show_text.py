"""One execution in words, for `cueworker show`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .history_query import moment, number, outcome, seconds

_WIDTH = 13


def as_text(found: Mapping[str, Any], now: float) -> str:
    """What `show` found, for people. `now` in epoch seconds."""
    return "\n".join(_lines(found, now))


def _lines(found: Mapping[str, Any], now: float) -> Iterator[str]:
    yield _line("execution", found["execution_id"])
    yield _line("state", _state(found))
    if found["slot"]:
        yield from _slot(found["slot"], now)
    if found["spool"]:
        yield from _spool(found["spool"], now)
    for line in found["history"]:
        yield from _history(line)
    if found["log"]:
        yield _line("output", found["log"])
    if "server" in found:
        yield from _server(found["server"])


def _state(found: Mapping[str, Any]) -> str:
    slot, spool, history = found["slot"], found["spool"], found["history"]
    if slot and slot["worker_lives"]:
        return f"{slot['phase']} in slot {slot['slot']}"
    if slot:
        return "its worker is gone; the pool settles it, or will when it starts"
    if spool:
        return "over; its report waits in the spool"
    if history:
        return f"over: {outcome(history[-1])}"
    return "not known here"


def _slot(slot: Mapping[str, Any], now: float) -> Iterator[str]:
    yield _line("task", slot["task"])
    yield _line("claimed", f"{moment(slot['claimed_at'])}, {seconds(now - number(slot['claimed_at']))} ago")
    yield _line("worker", f"pid {slot['worker_pid']}" + ("" if slot["worker_lives"] else " (gone)"))
    if slot["handler_pid"]:
        yield _line("handler", f"pid {slot['handler_pid']}")


def _spool(spool: Mapping[str, Any], now: float) -> Iterator[str]:
    if spool["unreadable"]:
        yield _line("spool", f"unreadable: {spool['unreadable']}")
        return
    yield _line("spool", f"since {moment(spool['created'])}, {seconds(now - number(spool['created']))}")
    if spool["attempts"]:
        yield _line(
            "", f"{spool['attempts']} attempt(s), the last at {moment(spool['tried_at'])}: {spool['refusal']}"
        )
        yield _line("", f"next at {moment(spool['next_at'])}")
    yield _line("report", "")
    yield from _block(spool["report"])


def _history(line: Mapping[str, Any]) -> Iterator[str]:
    yield _line("history", f"{moment(line.get('time'))}  {outcome(line)}")
    hidden = {"time", "execution_id", "ending", "success", "fate"}
    for name, value in line.items():
        if name not in hidden:
            yield from _fact(name, value)


def _fact(name: str, value: Any) -> Iterator[str]:
    if name == "started":
        value = moment(value)
    elif name in ("seconds", "queued", "waited"):
        value = seconds(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    first, *rest = printable(text).split("\n")
    yield _line("", f"{name:<19}{first}")
    yield from (_line("", f"{'':<19}{each}") for each in rest if each.strip())


def _server(server: Mapping[str, Any]) -> Iterator[str]:
    if "unknown" in server:
        yield _line("server", server["unknown"])
        return
    state = server.get("outcome_state")
    yield _line("server", f"{server.get('status')}" + (f", {state}" if state else ""))
    for name in ("cue_id", "scheduled_for", "attempts", "claimed_by_worker", "updated_at", "error_message"):
        if server.get(name) not in (None, ""):
            yield from _fact(name, server[name])


def _block(value: Any) -> Iterator[str]:
    text = printable(json.dumps(value, indent=2, ensure_ascii=False))
    yield from (_line("", each) for each in text.split("\n"))


def printable(text: str) -> str:
    """Text without anything that a terminal would act on."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)


def _line(name: str, value: str) -> str:
    return f"{name:<{_WIDTH}}{value}".rstrip()
