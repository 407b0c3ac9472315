"""The verdict: ending, outcome file and output become one report (protocol: "The handler's side")."""

from __future__ import annotations

from collections.abc import Mapping
from signal import Signals
from typing import Any

from . import clip
from .ending import Ending, EndingKind
from .fields import bounded_names
from .file import OutcomeFile
from .metadata import OUTPUT_LIMIT
from .report import WORKER_ENTRY, Report

_EVIDENCE = ("external_id", "result_url", "result_ref", "result_type", "summary", "artifacts")

_NOT_CONSULTED = frozenset({EndingKind.TIMED_OUT, EndingKind.COULD_NOT_START})
"""Endings whose outcome file does not count: not trusted, or written by no handler."""

_BY_ITSELF = frozenset({EndingKind.EXITED, EndingKind.SIGNALLED})
"""Endings that the handler came to without the pool: here the output, not the pool, explains them."""

_DETAIL_LIMIT = 500
_SURVIVORS_NAMED = 10


def resolve(ending: Ending, file: OutcomeFile, output: str) -> Report:
    """The report of an execution that ended as `ending`, left `file` and wrote `output`.

    A success needs exit 0 and a file that does not say `success: false`. Any other ending is a failure. Valid
    evidence stays attached to that too (it may prove an effect), except after a timeout and where nothing was
    started. Limits of the server are not this function's subject: pass its report to `fit`.
    """
    consulted = is_consulted(ending)
    fields: Mapping[str, Any] = file.fields if consulted else {}
    success = _succeeded(ending) and fields.get("success", True)
    dropped = _dropped(file, success) if consulted else []
    entry = {
        **_about_ending(ending),
        **_about_file(file, consulted=consulted, dropped=dropped),
        **_kept_output(ending, output),
    }
    evidence = {name: fields[name] for name in _EVIDENCE if name in fields}
    metadata = {**fields.get("metadata", {}), WORKER_ENTRY: entry}
    return Report(
        success=success,
        result=_result(fields, output) if success else fields.get("result"),
        error=None if success else _error(ending, fields, output),
        metadata=metadata,
        **evidence,
    )


def is_consulted(ending: Ending) -> bool:
    """Whether the outcome file counts after this ending."""
    return ending.kind not in _NOT_CONSULTED


def _succeeded(ending: Ending) -> bool:
    return ending.kind is EndingKind.EXITED and ending.exit_code == 0


def _result(fields: Mapping[str, Any], output: str) -> str:
    return _first_said(fields.get("result"), output) or "completed"


def _error(ending: Ending, fields: Mapping[str, Any], output: str) -> str:
    """What went wrong: the pool's words where the pool ended it, else the handler's, else the output."""
    if ending.kind in _BY_ITSELF:
        return _first_said(fields.get("error"), output) or _unexplained(ending)
    return _imposed(ending)


def _first_said(*texts: str | None) -> str | None:
    return next((text for text in texts if text and text.strip()), None)


def _unexplained(ending: Ending) -> str:
    if ending.signal is None:
        return "handler failed"
    return f"handler killed by signal {ending.signal}{_signal_name(ending.signal)}"


def _signal_name(signum: int) -> str:
    try:
        return f" ({Signals(signum).name})"
    except ValueError:  # most real-time signals have no name
        return ""


def _imposed(ending: Ending) -> str:
    detail = clip.head_and_tail(ending.detail or "", _DETAIL_LIMIT)
    because = f": {detail}" if detail else ""
    match ending.kind:
        case EndingKind.TIMED_OUT:
            allowed = "" if ending.timeout is None else f" ({_seconds(ending.timeout)}s)"
            return f"Handler timeout exceeded{allowed}"
        case EndingKind.LEASE_LOST:
            return f"lease lost, handler killed{because}"
        case EndingKind.SHUT_DOWN:
            return f"worker shut down, handler killed{because}"
        case EndingKind.CANCELLED:
            return "cancelled by operator"
        case EndingKind.COULD_NOT_START:
            return f"could not start{because}"
        case _:
            return f"worker lost; effects unknown{because}"


def _seconds(duration: float) -> str:
    return str(int(duration)) if float(duration).is_integer() else str(duration)


def _about_ending(ending: Ending) -> dict[str, Any]:
    facts = {
        "ending": ending.kind.value,
        "exit_code": ending.exit_code,
        "signal": ending.signal,
        "timeout": ending.timeout,
        "survivors": list(bounded_names(ending.survivors, _SURVIVORS_NAMED)) or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _about_file(file: OutcomeFile, *, consulted: bool, dropped: list[str]) -> dict[str, Any]:
    if not consulted:
        return {"outcome_file_ignored": True} if file.present else {}
    about: dict[str, Any] = {}
    if file.parse_error is not None:
        about["outcome_file_parse_error"] = file.parse_error
    if dropped:
        about["outcome_file_dropped_fields"] = dropped
    return about


def _dropped(file: OutcomeFile, success: bool) -> list[str]:
    """The file's dropped fields, and what `resolve` itself cannot use of the valid ones."""
    dropped = list(file.dropped_fields)
    if WORKER_ENTRY in file.fields.get("metadata", {}):
        dropped.append(f"metadata.{WORKER_ENTRY}")
    if success and "error" in file.fields:
        dropped.append("error")
    return dropped


def _kept_output(ending: Ending, output: str) -> dict[str, str]:
    """The output's end, where the pool's words took its place as error: it must not be lost."""
    if ending.kind in _BY_ITSELF or not output.strip():
        return {}
    return {"output": clip.tail(output, OUTPUT_LIMIT)}
