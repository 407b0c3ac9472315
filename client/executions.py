"""The execution calls: what a worker does all day, and what people ask afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .answers import Answer
from .arguments import given, worker_name
from .errors import Conflict
from .lease_time import lease_seconds
from .retry_after import finite
from .transport import Transport, path_part
from .window import Priority

if TYPE_CHECKING:
    from ..outcome import Report

Object = dict[str, Any]
Objects = list[Object]  # inside the class, `list` is its method

WAIT_HEADER = "X-Cueworker-Wait"


class Executions:
    """`/v1/executions`. Every call raises CueAPIError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.max_wait: float | None = None
        """The most seconds that `list_claimable` may wait, by the server's last answer; None: it does not."""

    def list_claimable(
        self, task: str | None = None, agent: str | None = None, wait: float | None = None
    ) -> Objects:
        """The rows that can be claimed, oldest first; each has a string `execution_id`.

        `wait` (seconds) asks the server to hold an empty answer back until there is work: only where
        `max_wait` says that it does. Rows without an id are left out, so that one bad row does not hide the
        others.
        """
        answer = self._transport.call(
            "GET",
            "/v1/executions/claimable",
            query=given(task=task, agent=agent, wait=wait),
            wait=wait or 0.0,
        )
        rows = answer.json_object().get("executions")
        if not isinstance(rows, list):
            raise answer.malformed("it has no list of executions")
        longest = finite(answer.headers.get(WAIT_HEADER))
        self.max_wait = longest if longest is not None and longest > 0 else None
        return [row for row in rows if _has_an_id(row)]

    def claim(self, execution_id: str, *, worker_id: str) -> Object:
        """Take the lease of an execution: `{claimed, execution_id, lease_seconds}`.

        Raises Conflict when it is missing, taken, or already ours: claiming is not idempotent (PROTOCOL).
        """
        answer = self._transport.call(
            "POST",
            f"{_execution(execution_id)}/claim",
            priority=Priority.CLAIM,
            body={"worker_id": worker_name(worker_id)},
        )
        return _confirmed(answer, "claimed", execution_id)

    def claim_next(self, *, worker_id: str, task: str | None = None) -> Object:
        """Claim the oldest execution, of `task` where one is given.

        `claim_next` with a task lists, takes the oldest, claims by id, and answers `{"claimed": False,
        "reason": "no_executions_for_task", "task": …}` when there is none. One that somebody else was
        faster to take is passed over. Without a task the server chooses; the open-source core may then
        grant one execution to several callers at once, so the pool never does that (PROTOCOL).
        """
        if task is not None:
            return self._claim_oldest(worker_id, task)
        answer = self._transport.call(
            "POST",
            "/v1/executions/claim",
            priority=Priority.CLAIM,
            body={"worker_id": worker_name(worker_id)},
        )
        claim = answer.json_object()
        if claim.get("claimed") is not False and not (
            claim.get("claimed") is True and isinstance(claim.get("execution_id"), str)
        ):
            raise answer.malformed("it does not say what was claimed")
        return claim

    def _claim_oldest(self, worker_id: str, task: str) -> Object:
        for row in self.list_claimable(task=task):
            try:
                return self.claim(row["execution_id"], worker_id=worker_id)
            except Conflict:
                continue
        return {"claimed": False, "reason": "no_executions_for_task", "task": task}

    def heartbeat(self, execution_id: str, *, worker_id: str) -> Object:
        """Extend the lease. `worker_id` always goes along: without it the server skips the owner check.

        Returns the server's object and, where it can be told, `lease_seconds` as a claim has it. Raises Forbidden when
        the lease is somebody else's, Conflict when nobody holds it, NotFound.
        """
        answer = self._transport.call(
            "POST",
            f"{_execution(execution_id)}/heartbeat",
            priority=Priority.LEASE,
            headers={"X-Worker-Id": worker_name(worker_id)},
        )
        said = _confirmed(answer, "acknowledged", execution_id)
        return said | given(lease_seconds=lease_seconds(said.get("lease_extended_until"), answer.headers))

    def report_outcome(
        self,
        execution_id: str,
        *,
        success: bool,
        result: str | None = None,
        error: str | None = None,
        external_id: str | None = None,
        result_url: str | None = None,
        result_ref: str | None = None,
        result_type: str | None = None,
        summary: str | None = None,
        artifacts: Sequence[Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Object:
        """Record the outcome, as it is; the server takes one, and answers a second with Conflict.

        Use `cueworker.outcome.fit` and `report` for fields that may break the server's limits.
        """
        body = given(
            success=success,
            result=result,
            error=error,
            external_id=external_id,
            result_url=result_url,
            result_ref=result_ref,
            result_type=result_type,
            summary=summary,
            artifacts=artifacts,
            metadata=metadata,
        )
        return self._record(execution_id, body)

    def report(self, execution_id: str, report: Report) -> Object:
        """Record the outcome that `report` holds."""
        return self._record(execution_id, report.body())

    def _record(self, execution_id: str, body: Mapping[str, Any]) -> Object:
        answer = self._transport.call(
            "POST", f"{_execution(execution_id)}/outcome", priority=Priority.OUTCOME, body=body
        )
        return _confirmed(answer, "outcome_recorded", execution_id)

    def list(
        self,
        *,
        cue_id: str | None = None,
        status: str | None = None,
        status_in: Sequence[str] | None = None,
        worker_id: str | None = None,
        outcome_state: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Object:
        """`{"executions", "total", "limit", "offset", "has_more", …}`; `limit` 1..100 (20).

        `worker_id="me"` is whoever the server takes the key's worker for.
        """
        query = given(
            cue_id=cue_id,
            status=status,
            status__in=None if status_in is None else ",".join(status_in),
            worker_id=worker_id,
            outcome_state=outcome_state,
            limit=limit,
            offset=offset,
        )
        return self._transport.call("GET", "/v1/executions", query=query).json_object()

    def get(self, execution_id: str) -> Object:
        """One execution with its outcome."""
        return self._transport.call("GET", _execution(execution_id)).json_object()

    def replay(self, execution_id: str) -> Object:
        """Run a finished execution again, as a new one."""
        return self._post(execution_id, "replay", None)

    def verify(self, execution_id: str, valid: bool | None = None, reason: str | None = None) -> Object:
        """Accept (the server's default) or reject an outcome that waits for verification."""
        return self._post(execution_id, "verify", given(valid=valid, reason=reason))

    def verification_pending(self, execution_id: str) -> Object:
        """Put an outcome back to waiting for verification."""
        return self._post(execution_id, "verification-pending", None)

    def evidence(self, execution_id: str, **fields: Any) -> Object:
        """Add the given fields (`external_id`, `result_url`, …) to a recorded outcome, and no others."""
        answer = self._transport.call("PATCH", f"{_execution(execution_id)}/evidence", body=fields)
        return answer.json_object()

    def _post(self, execution_id: str, action: str, body: Mapping[str, Any] | None) -> Object:
        return self._transport.call("POST", f"{_execution(execution_id)}/{action}", body=body).json_object()


def _execution(execution_id: str) -> str:
    return f"/v1/executions/{path_part(execution_id)}"


def _has_an_id(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("execution_id"), str) and bool(row["execution_id"])


def _confirmed(answer: Answer, field: str, execution_id: str) -> Object:
    """The answer's object, which must say that `field` is true, and of this execution."""
    said = answer.json_object()
    if said.get(field) is not True:
        raise answer.malformed(f"it does not say {field}: true")
    if str(said.get("execution_id", execution_id)).lower() != execution_id.lower():
        raise answer.malformed("it is about another execution")
    return said
