"""Recording what became of an execution: the write-once outcome, evidence and verification."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import alerts
from .errors import bad_request, conflict, execution_not_found, internal_error
from .validate import Fields
from .verification import outcome_state

EVIDENCE = ("external_id", "result_url", "result_ref", "result_type", "summary", "artifacts")
METADATA_LIMIT = 10_240
"""Bytes of ASCII-escaped JSON."""
_DATABASE_WIDTHS = {"external_id": 255, "result_ref": 255, "result_type": 50}
"""What the service's columns hold; it checks nothing, and its database answers a longer text with a 500."""


@dataclass(frozen=True)
class Outcome:
    """A report that keeps its schema."""

    success: bool
    result: str | None
    error: str | None
    metadata: dict[str, Any] | None
    evidence: dict[str, Any]
    """Only what was given and is not empty."""


def parse_outcome(body: Mapping[str, Any]) -> Outcome:
    """Protocol, table of outcome fields. Raises Refused 422."""
    fields = Fields(body)
    success = fields.boolean("success", required=True)
    result, error = fields.string("result", longest=2000), fields.string("error", longest=2000)
    metadata = fields.mapping("metadata")
    evidence = _evidence(fields)
    fields.finish()
    return Outcome(bool(success), result, error, metadata, evidence)


def parse_evidence(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The evidence of a later addition, and its metadata. Raises Refused 422."""
    fields = Fields(body)
    evidence, metadata = _evidence(fields), fields.mapping("metadata")
    fields.finish()
    return evidence, metadata


def _evidence(fields: Fields) -> dict[str, Any]:
    given = {
        "external_id": fields.string("external_id"),
        "result_url": fields.web_url("result_url"),
        "result_ref": fields.string("result_ref"),
        "result_type": fields.string("result_type"),
        "summary": fields.string("summary", longest=500),
        "artifacts": fields.items("artifacts"),
    }
    return {name: value for name, value in given.items() if value}


def refuse_unstorable(evidence: Mapping[str, Any], *, unstorable: bool) -> None:
    """Raises Refused 500 for what the service's database refuses: over-long columns, and the NUL characters,
    lone surrogates and non-finite numbers that the request's parser noted (`unstorable`)."""
    if unstorable or any(len(evidence.get(name, "")) > width for name, width in _DATABASE_WIDTHS.items()):
        raise internal_error()


def refuse_large_metadata(metadata: Mapping[str, Any] | None) -> None:
    """Raises Refused 400 for metadata over 10,240 bytes, measured as the service does: ASCII-escaped JSON."""
    if metadata is not None and len(json.dumps(metadata)) > METADATA_LIMIT:
        raise bad_request("metadata_too_large", "Outcome metadata must be under 10KB")


def record(
    db: sqlite3.Connection, account: int, execution_id: str, outcome: Outcome, *, unstorable: bool, now: float
) -> dict[str, Any]:
    """Records the outcome, once. There is no owner check, and an execution that was taken back still accepts
    a late report; one that was never claimed does not.

    Raises Refused, in the service's order: 404; 409 `outcome_already_recorded`, `invalid_state`; 400; 500.
    """
    row = db.execute(
        "SELECT e.seq, e.cue, e.attempts, e.outcome_recorded_at, c.verification FROM executions AS e"
        " JOIN cues AS c ON c.id = e.cue WHERE e.id = ? AND e.account = ?",
        (execution_id, account),
    ).fetchone()
    if row is None:
        raise execution_not_found()
    if row["outcome_recorded_at"] is not None:
        raise conflict("outcome_already_recorded", "Outcome has already been recorded for this execution")
    if not row["attempts"]:
        raise conflict("invalid_state", "The execution was never claimed")
    refuse_large_metadata(outcome.metadata)
    refuse_unstorable(outcome.evidence, unstorable=unstorable)
    mode = json.loads(row["verification"])["mode"] if row["verification"] else "none"
    state, reason = outcome_state(mode, outcome.success, outcome.evidence)
    _write(db, row["seq"], outcome, state, reason, now=now)
    _settle_cue(db, row["cue"], execution_id, success=outcome.success, now=now)
    if state == "verification_failed":
        alerts.verification_failed(db, execution_id, now=now)
    return {
        "execution_id": execution_id,
        "outcome_recorded": True,
        "outcome_state": state,
        "reason": reason,
    }


def _write(
    db: sqlite3.Connection, seq: int, outcome: Outcome, state: str, reason: str | None, *, now: float
) -> None:
    told = {"result": outcome.result, "error": outcome.error, "metadata": outcome.metadata}
    db.execute(
        "UPDATE executions SET status = ?, outcome = ?, outcome_success = ?, outcome_state = ?,"
        " outcome_reason = ?, outcome_recorded_at = ?, evidence = ?, delivered_at = ?, error_message = ?,"
        " updated_at = ? WHERE seq = ?",
        (
            "success" if outcome.success else "failed",
            json.dumps(told),
            outcome.success,
            state,
            reason,
            now,
            json.dumps(outcome.evidence) if outcome.evidence else None,
            now if outcome.success else None,
            None if outcome.success else outcome.error,
            now,
            seq,
        ),
    )


def _settle_cue(db: sqlite3.Connection, cue_id: str, execution_id: str, *, success: bool, now: float) -> None:
    """Counts the run. A single-run cue ends with it, unless its own time is still to come."""
    cue = db.execute(
        "UPDATE cues SET last_run = :now, run_count = run_count + 1, updated_at = :now,"
        " failure_streak = CASE WHEN :success THEN 0 ELSE failure_streak + 1 END,"
        " status = CASE WHEN schedule_type = 'once' AND next_run IS NULL THEN :ended"
        " WHEN NOT :success AND status = 'active' AND json_extract(on_failure, '$.pause') THEN 'paused'"
        " ELSE status END"
        " WHERE id = :cue RETURNING failure_streak",
        {
            "now": now,
            "success": success,
            "ended": "completed" if success else "failed",
            "cue": cue_id,
        },
    ).fetchall()[0]
    if not success:
        alerts.failed_again(db, execution_id, streak=cue["failure_streak"], now=now)


def add_evidence(
    db: sqlite3.Connection,
    account: int,
    execution_id: str,
    evidence: Mapping[str, Any],
    metadata: dict[str, Any] | None,
    *,
    unstorable: bool,
    now: float,
) -> dict[str, Any]:
    """Adds to the evidence of a recorded outcome; what is given replaces what was.

    Raises Refused 404, 409, 400, 500.
    """
    row = _recorded(db, account, execution_id, "Report outcome first before appending evidence")
    refuse_large_metadata(metadata)
    refuse_unstorable(evidence, unstorable=unstorable)
    merged = {**json.loads(row["evidence"] or "{}"), **evidence}
    told = json.loads(row["outcome"])
    if metadata:
        told["metadata"] = metadata
    db.execute(
        "UPDATE executions SET evidence = ?, outcome = ?, updated_at = ? WHERE id = ?",
        (json.dumps(merged) if merged else None, json.dumps(told), now, execution_id),
    )
    return {"execution_id": execution_id, "outcome_state": row["outcome_state"], "evidence_updated": True}


def verify(
    db: sqlite3.Connection, account: int, execution_id: str, *, valid: bool, reason: str | None, now: float
) -> dict[str, Any]:
    """A person's judgement of a reported success. Raises Refused 404; 409 `invalid_state`."""
    row = db.execute(
        "SELECT outcome_state FROM executions WHERE id = ? AND account = ?", (execution_id, account)
    ).fetchone()
    if row is None:
        raise execution_not_found()
    if row["outcome_state"] not in ("reported_success", "verification_pending"):
        raise conflict("invalid_state", f"Cannot verify from state '{row['outcome_state']}'")
    state = "verified_success" if valid else "verification_failed"
    _set_state(db, execution_id, state, reason, now=now)
    if not valid:
        alerts.verification_failed(db, execution_id, now=now)
    return {"execution_id": execution_id, "outcome_state": state, "reason": reason}


def mark_pending(db: sqlite3.Connection, account: int, execution_id: str, *, now: float) -> dict[str, Any]:
    """Sends a recorded outcome to manual verification. Raises Refused 404; 409 `no_outcome`."""
    _recorded(db, account, execution_id, "No outcome recorded yet")
    _set_state(db, execution_id, "verification_pending", None, now=now)
    return {"execution_id": execution_id, "outcome_state": "verification_pending"}


def _recorded(db: sqlite3.Connection, account: int, execution_id: str, message: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT outcome, outcome_state, evidence, outcome_recorded_at FROM executions"
        " WHERE id = ? AND account = ?",
        (execution_id, account),
    ).fetchone()
    if row is None:
        raise execution_not_found()
    if row["outcome_recorded_at"] is None:
        raise conflict("no_outcome", message)
    return row


def _set_state(
    db: sqlite3.Connection, execution_id: str, state: str, reason: str | None, *, now: float
) -> None:
    db.execute(
        "UPDATE executions SET outcome_state = ?, outcome_reason = ?, updated_at = ? WHERE id = ?",
        (state, reason, now, execution_id),
    )
