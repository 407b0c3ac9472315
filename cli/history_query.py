"""Which lines of the history are asked for, and how one is shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..supervisor.config_duration import parse_duration

Line = Mapping[str, Any]

_ID = 8
_TEXT = 100


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is asked for. None: all."""

    task: str | None = None
    since: float | None = None
    """Epoch seconds."""
    failed: bool = False

    def matches(self, line: Line) -> bool:
        """Whether a line of the history is asked for."""
        return (
            (self.task is None or line.get("task") == self.task)
            and (self.since is None or number(line.get("time")) >= self.since)
            and not (self.failed and line.get("success") is True)
        )


def newest(lines: Iterable[Line], query: Query, limit: int) -> list[Line]:
    """The newest `limit` matching lines (0: all) of `lines`, which are newest first; the result is oldest first."""
    found: list[Line] = []
    for line in lines:
        if query.matches(line):
            found.append(line)
            if len(found) == limit:
                break
    return found[::-1]


def parse_since(text: str, now: float) -> float:
    """Epoch seconds of `2h` (so long before `now`) or of an ISO 8601 time, local where it names no zone.

    Raises ValueError, saying what is taken.
    """
    ago = parse_duration(text)
    if ago is not None:
        return now - ago
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time: give a duration such as 90m, 2h, 7d, or a time such as 2026-05-01T06:00 (local) "
            "or 2026-05-01T06:00Z"
        ) from None


def rows(lines: Iterable[Line]) -> Iterator[str]:
    """Lines of text for people: when, which, how it ended, how long it took, what it said."""
    yield f"{'RECORDED (UTC)':<20} {'EXECUTION':<{_ID}} {'TASK':<20} {'OUTCOME':<24} {'TOOK':>9}  SAID"
    for line in lines:
        said = first_line(line.get("error") if line.get("success") is not True else line.get("result"))
        yield (
            f"{moment(line.get('time')):<20} {str(line['execution_id'])[:_ID]:<{_ID}} "
            f"{line.get('task')!s:<20.20} {outcome(line):<24} {seconds(line.get('seconds')):>9}  {said}"
        ).rstrip()


def outcome(line: Line) -> str:
    """Success, or how it failed; and what became of the report unless it was simply recorded."""
    ending = str(line.get("ending")).replace("_", " ")
    if ending == "exited" and line.get("exit_code"):
        ending = f"exit code {line['exit_code']}"
    said = "success" if line.get("success") is True else "failed" if ending == "exited" else ending
    fate = line.get("fate")
    return said if fate == "recorded" else f"{said}, {fate}"


def moment(epoch: object) -> str:
    """A time as people and programs read it."""
    try:
        return datetime.fromtimestamp(number(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "?"


def seconds(value: object) -> str:
    """A length of time, short."""
    if not isinstance(value, int | float):
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if value >= 2 * size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.1f} s"


def first_line(text: object) -> str:
    """The first words, on one line, nothing that a terminal would act on."""
    line = next((line for line in str(text or "").splitlines() if line.strip()), "").strip()
    printable = "".join(character if character.isprintable() else "?" for character in line)
    return printable if len(printable) <= _TEXT else printable[: _TEXT - 1] + "…"


def number(value: object) -> float:
    """A number of a line; 0 for anything else."""
    return float(value) if isinstance(value, int | float) else 0.0
