"""What the open-source core does otherwise than the hosted service, for tests that must meet it: `--quirks core`.

Each function stands in for the rule of the same purpose elsewhere; none is called without the switch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from . import executions
from .cues import Fire
from .errors import conflict, internal_error
from .waiters import Wanted

CORE = "core"
CHOICES = (CORE,)

_SHOWN = (
    "id",
    "cue_id",
    "scheduled_for",
    "status",
    "attempts",
    "error_message",
    "started_at",
    "delivered_at",
    "last_attempt_at",
    "outcome",
    "created_at",
    "updated_at",
)
"""All that it tells of an execution."""
_RETRY = "(SELECT json_extract(c.retry, '$.{}') FROM cues AS c WHERE c.id = executions.cue)"
_MAX_ATTEMPTS = _RETRY.format("max_attempts")
_BACKOFF_MINUTES = _RETRY.format("backoff_minutes[' || (attempts - 1) || ']")
_NO_WEBHOOK = "Webhook delivery failed: the cue has no callback URL"


def claimable(db: sqlite3.Connection, wanted: Wanted, *, now: float) -> list[dict[str, Any]]:
    """The listing with the limit before the filter: 50 rows of other tasks hide all real work, as do 50 that are
    `retry_ready`. `agent` is ignored. Raises Refused 500 for a task that is no string, unless a filter passes it
    over."""
    rows = executions.claimable(db, Wanted(wanted.account), now=now)
    if wanted.task is not None:
        return [row for row in rows if row["task"] == wanted.task]
    ids = [row["execution_id"] for row in rows if row["task"] is None]
    odd = db.execute(
        "SELECT 1 FROM executions AS e JOIN cues AS c ON c.id = e.cue"  # noqa: S608
        f" WHERE e.id IN ({', '.join('?' * len(ids))})"
        " AND json_type(coalesce(e.payload, c.payload), '$.task') NOT IN ('text', 'null') LIMIT 1",
        ids,
    ).fetchone()
    if odd is not None:
        raise internal_error()
    return rows


def refuse_unclaimable(db: sqlite3.Connection, account: int, execution_id: str) -> None:
    """Raises Refused 409 for what the listing shows but no claim gets: `retry_ready`."""
    if not db.execute(
        "SELECT 1 FROM executions WHERE id = ? AND account = ? AND status = 'pending'",
        (execution_id, account),
    ).fetchone():
        raise conflict("claim_failed", "Execution not available for claiming")


def plain(fire: Fire) -> Fire:
    """What it heeds of a manual fire: when. Override and idempotency key are ignored."""
    return Fire(send_at=fire.send_at)


def trimmed(execution: Mapping[str, Any]) -> dict[str, Any]:
    """What it tells of an execution: no payload, no evidence, no claimer."""
    return {name: execution[name] for name in _SHOWN}


def retry_as_webhooks(db: sqlite3.Connection, *, now: float) -> None:
    """A lost lease never comes back to workers: the execution is tried as a webhook, which fails, again and again
    with the cue's backoff, until the attempts are used up."""
    db.execute(
        "UPDATE executions SET status = 'retrying', updated_at = :now"  # noqa: S608
        f" WHERE status = 'retry_ready' AND updated_at < :now - 60 * coalesce({_BACKOFF_MINUTES}, 15)",
        {"now": now},
    )
    db.execute(
        "UPDATE executions SET updated_at = :now, attempts = attempts + 1, error_message = :why,"  # noqa: S608
        f" status = CASE WHEN attempts + 1 < {_MAX_ATTEMPTS} THEN 'retry_ready' ELSE 'failed' END"
        " WHERE status = 'retrying'",
        {"now": now, "why": _NO_WEBHOOK},
    )
