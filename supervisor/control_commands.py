"""From a request to a pool to what is done, and the answer. All that is decided here; the pool only acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .control import Answer, failure
from .control_requests import (
    Cancel,
    Drain,
    Pause,
    Recycle,
    Reload,
    Request,
    Resume,
    Scale,
    Status,
    Upgrade,
    parse,
)


@dataclass(frozen=True)
class Running:
    """An execution that a slot is at."""

    slot: int
    execution_id: str
    task: str


class Pool(Protocol):
    """What the supervisor lets be done to it."""

    @property
    def workers(self) -> int:
        """How many worker slots are wanted."""

    @property
    def is_stopping(self) -> bool:
        """Whether a drain or more has begun."""

    @property
    def is_paused(self) -> bool:
        """Whether nothing is claimed."""

    def status(self) -> dict[str, Any]:
        """The whole of it, as JSON."""

    def running(self) -> Sequence[Running]:
        """The executions that slots are at."""

    def slots(self) -> Sequence[int]:
        """The worker slots that are not closed."""

    def pause(self, by: str) -> None:
        """Let nothing more be claimed."""

    def resume(self, by: str) -> None:
        """Let work be claimed again."""

    def scale(self, workers: int, by: str) -> None:
        """Set the number of workers."""

    def recycle(self, slots: Iterable[int]) -> None:
        """Replace these slots' processes, one after the other."""

    def cancel(self, running: Running) -> None:
        """Have an execution ended."""

    def reload(self) -> tuple[str, ...]:
        """Read the configuration again; returns what is wrong with it, in which case the old one stays."""

    def upgrade(self, by: str) -> str | None:
        """Begin to replace the program; returns what is in the way, if anything is."""

    def drain(self, by: str) -> None:
        """Begin to stop."""


BY = "operator"
"""Who it was, in the log."""


def answer(line: bytes, pool: Pool) -> Answer:
    """Do what a request line asks for."""
    try:
        request = parse(line)
    except ValueError as error:
        return failure("bad_request", str(error))
    if pool.is_stopping and isinstance(request, Scale | Recycle | Reload | Upgrade | Pause | Resume):
        return failure(
            "stopping", "the pool is stopping; only status, cancel and drain mean something to it now"
        )
    return _carry_out(request, pool)


def _carry_out(request: Request, pool: Pool) -> Answer:
    match request:
        case Status():
            return {"ok": True, **pool.status()}
        case Cancel(execution):
            return _cancel(execution, pool)
        case Pause():
            was = pool.is_paused
            pool.pause(BY)
            return {"ok": True, "changed": not was, "running": len(pool.running())}
        case Resume():
            was = pool.is_paused
            pool.resume(BY)
            return {"ok": True, "changed": was}
        case Scale(workers):
            before = pool.workers
            pool.scale(workers, BY)
            return {"ok": True, "workers": workers, "before": before}
        case Recycle(slot):
            return _recycle(slot, pool)
        case Reload():
            problems = pool.reload()
            return {**failure("bad_configuration", "\n".join(problems))} if problems else {"ok": True}
        case Upgrade():
            in_the_way = pool.upgrade(BY)
            return failure("not_possible", in_the_way) if in_the_way else {"ok": True}
        case Drain():
            was = pool.is_stopping
            pool.drain(BY)
            return {"ok": True, "changed": not was, "running": len(pool.running())}


def meant(wanted: str, running: Sequence[Running]) -> list[Running]:
    """The executions with that id; with none, those whose ids begin so."""
    same = [one for one in running if one.execution_id == wanted]
    return same or [one for one in running if one.execution_id.startswith(wanted)]


def _cancel(wanted: str, pool: Pool) -> Answer:
    running = pool.running()
    found = meant(wanted, running)
    if not found:
        there = ", ".join(f"{one.execution_id} ({one.task})" for one in running) or "nothing"
        return failure("not_found", f"no running execution's id begins with {wanted}; running: {there}")
    if len(found) > 1:
        matches = ", ".join(one.execution_id for one in found)
        return failure("ambiguous", f"{wanted} begins several ids: {matches}; nothing was cancelled")
    pool.cancel(found[0])
    return {"ok": True, "execution": found[0].execution_id, "task": found[0].task, "slot": found[0].slot}


def _recycle(slot: int | None, pool: Pool) -> Answer:
    slots = pool.slots()
    if slot is not None and slot not in slots:
        there = f"0 to {slots[-1]}" if slots else "none"
        return failure("not_found", f"there is no slot {slot}; there are {there}")
    wanted = list(slots) if slot is None else [slot]
    pool.recycle(wanted)
    return {"ok": True, "slots": wanted}
