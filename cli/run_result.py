"""What came of `cueworker run`: ending, outcome file, report, verification; as data and as text. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from signal import Signals
from typing import Any

from ..local.verification import MODES, outcome_state
from ..outcome import Ending, EndingKind, OutcomeFile, Report, explain, fit, resolve
from ..pool.run import Ended
from .hiding import Secrets
from .run_plan import line


@dataclass(frozen=True, kw_only=True)
class Result:
    """A run that is over."""

    ended: Ended
    seconds: float
    file: OutcomeFile
    secrets: Secrets
    redacts: bool

    @property
    def report(self) -> Report:
        """The report that a worker would send."""
        report = resolve(self.ended.ending, self.file, self.ended.output)
        return fit(self.secrets.redactor.report(report) if self.redacts else report)

    def verification(self) -> dict[str, tuple[str, str | None]]:
        """By verification mode: the outcome state, and why if that is not obvious."""
        report = self.report
        return {mode: outcome_state(mode, report.success, report.body()) for mode in MODES}


def as_data(result: Result) -> dict[str, Any]:
    """For programs."""
    ending, file = result.ended.ending, result.file
    fields = [
        {"field": field.name, "fate": field.fate.value, "why": field.why}
        for field in explain(ending, file, result.report)
    ]
    verification = {
        mode: {"outcome_state": state, "reason": reason}
        for mode, (state, reason) in result.verification().items()
    }
    return {
        "success": result.report.success,
        "ending": ending.kind.value,
        "exit_code": ending.exit_code,
        "signal": ending.signal,
        "detail": ending.detail,
        "survivors": list(ending.survivors),
        "seconds": round(result.seconds, 3),
        "outcome_file": {"present": file.present, "parse_error": file.parse_error, "fields": fields},
        "report": result.secrets.value(result.report.body()),
        "verification": verification,
    }


def as_text(result: Result) -> str:
    """For people."""
    return "\n".join(_lines(result))


def in_words(ending: Ending) -> str:
    """How a handler ended, in a few words."""
    match ending.kind:
        case EndingKind.EXITED:
            return f"exited with code {ending.exit_code}"
        case EndingKind.SIGNALLED:
            return f"killed by signal {_signal(ending.signal)} that cueworker did not send"
        case EndingKind.TIMED_OUT:
            return f"timed out after {ending.timeout:g} s"
        case EndingKind.SHUT_DOWN:
            return "stopped from the terminal"
        case _:
            name = ending.kind.value.replace("_", " ")
            return f"{name}: {ending.detail}" if ending.detail else name


def _lines(result: Result) -> Iterator[str]:
    ending, report = result.ended.ending, result.report
    yield line("ending", f"{in_words(ending)}, {result.seconds:.1f} s")
    if ending.survivors:
        yield line("survivors", ", ".join(ending.survivors))
    yield from _file(result)
    yield line("report", "what the server would be sent:")
    body = json.dumps(result.secrets.value(report.body()), indent=2, ensure_ascii=False)
    yield from (line("", each) for each in body.split("\n"))
    yield line("verification", "what it would count as, by the cue's verification mode:")
    for mode, (state, reason) in result.verification().items():
        yield line("", f"{mode:<21}{state}" + (f" ({reason})" if reason else ""))
    yield line(
        "verdict", "success" if report.success else f"failure: {result.secrets.text(report.error or '')}"
    )


def _file(result: Result) -> Iterator[str]:
    file = result.file
    if not file.present:
        yield line("outcome file", "none written: exit code and output decide")
        return
    if file.parse_error is not None:
        yield line("outcome file", f"unusable, the exit code alone counts: {file.parse_error}")
        return
    yield line("outcome file", "" if file.fields or file.objections else "an empty object")
    for field in explain(result.ended.ending, file, result.report):
        yield line("", f"{field.name:<21.60}{field.fate.value}" + (f": {field.why}" if field.why else ""))


def _signal(signum: int | None) -> str:
    try:
        return f"{signum} ({Signals(signum or 0).name})"
    except ValueError:  # most real-time signals have no name
        return str(signum)
