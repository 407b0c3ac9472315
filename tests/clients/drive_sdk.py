"""Drives the package `cueapi-sdk` against a server: `drive_sdk.py URL KEY STRICT_URL STRICT_KEY`.

The strict server allows one cue and few requests.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import cueapi
import httpx
from cueapi.resources.cues import CuesResource
from cueapi.resources.executions import ExecutionsResource
from recording import Recording, methods, raises

YEARLY = "0 0 1 1 *"


class Server:
    """What the SDK has no call for: it neither fires nor claims."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"})

    def claimed(self, cue_id: str) -> str:
        """A new execution of the cue that a worker has claimed."""
        execution_id = self._post(f"/v1/cues/{cue_id}/fire")["id"]
        self._post(f"/v1/executions/{execution_id}/claim", {"worker_id": "sdk-worker"})
        return str(execution_id)

    def _post(self, path: str, body: Any = None) -> Any:
        answer = self._http.post(path, json=body)
        answer.raise_for_status()
        return answer.json()


def drive_cues(recording: Recording, client: cueapi.CueAPI) -> str:
    payload = (
        cueapi.CuePayload()
        .task("sdk-task")
        .kind("agent_turn")
        .instruction("Say hello")
        .context_ref("memory-1")
        .context_mode("summary")
        .agent("socrates")
        .extra("n", 1)
        .build()
    )
    made = client.cues.create(
        "by the SDK",
        cron=YEARLY,
        timezone="Europe/Berlin",
        transport="worker",
        payload=payload,
        description="a description",
        retry={"max_attempts": 5, "backoff_minutes": [2]},
        on_failure={"email": False, "webhook": "https://example.com/failed", "pause": True},
    )
    recording.step("cues.create", made.model_dump(mode="json"))
    assert made.payload == payload and made.schedule.cron == YEARLY and made.retry.max_attempts == 5
    assert made.on_failure and made.on_failure.pause and not made.on_failure.email

    soon = datetime.now(UTC) + timedelta(days=1)
    once = client.cues.create("once", at=soon, transport="worker")
    assert once.schedule.type == "once" and once.schedule.at == soon
    hook = client.cues.create(
        "webhook",
        at="2099-01-01T00:00:00Z",
        callback="https://example.com/hook",
        callback_method="PUT",
        callback_headers={"X-Kind": "test"},
    )
    assert hook.transport == "webhook" and hook.callback.method == "PUT" and hook.warning
    assert hook.callback.headers == {"X-Kind": "test"}

    page = client.cues.list(limit=2, offset=1)
    recording.step("cues.list", page.model_dump(mode="json"))
    assert page.total == 3 and [cue.id for cue in page.cues] == [once.id, made.id]
    assert client.cues.get(made.id).id == made.id

    changed = client.cues.update(
        made.id,
        name="renamed",
        description="another",
        cron="30 6 * * 1",
        timezone="UTC",
        payload={"task": "sdk-task", "n": 2},
        retry={"max_attempts": 1, "backoff_minutes": [1]},
        on_failure={"email": True, "pause": False},
    )
    recording.step("cues.update", changed.model_dump(mode="json"))
    assert changed.name == "renamed" and changed.schedule.cron == "30 6 * * 1" and changed.payload["n"] == 2
    assert client.cues.update(hook.id, callback="https://example.com/other").callback.url.endswith("/other")
    assert client.cues.update(once.id, at=soon + timedelta(days=1)).schedule.at == soon + timedelta(days=1)

    assert client.cues.pause(made.id).status == "paused"
    assert [cue.id for cue in client.cues.list(status="paused").cues] == [made.id]
    assert client.cues.resume(made.id).status == "active"
    assert client.cues.delete(hook.id) is None
    raises(cueapi.CueNotFoundError, client.cues.get, hook.id)
    return str(made.id)


def drive_executions(recording: Recording, client: cueapi.CueAPI, server: Server, cue_id: str) -> None:
    with client.executions.handle(server.claimed(cue_id), {"n": 2}) as context:
        assert client.executions.heartbeat(context.execution_id)["acknowledged"] is True
        context.result = f"n is {context.payload['n']}"
        context.evidence = {"external_id": "order-1"}
    handled = recording.step("executions.get", client.executions.get(context.execution_id))
    assert handled["status"] == "success" and handled["outcome"]["result"] == "n is 2"
    assert handled["evidence"]["external_id"] == "order-1"

    def fails() -> None:
        with client.executions.handle(failing):
            raise KeyError("no such thing")

    failing = server.claimed(cue_id)
    raises(KeyError, fails)
    assert client.executions.get(failing)["outcome_state"] == "reported_failure"

    reported = server.claimed(cue_id)
    whole = {
        "success": True,
        "result": "done",
        "metadata": {"k": [1]},
        "external_id": "order-2",
        "result_url": "https://example.com/2",
        "result_type": "order",
        "summary": "all of it",
        "artifacts": [{"name": "log"}],
    }
    answer = recording.step("executions.report_outcome", client.executions.report_outcome(reported, **whole))
    assert answer["outcome_recorded"] is True and answer["outcome_state"] == "reported_success"
    again = raises(cueapi.CueAPIError, client.executions.report_outcome, reported, success=True)
    assert again.status_code == 409 and again.code == "outcome_already_recorded"
    found = client.executions.get(reported)
    assert found["outcome"]["metadata"] == {"k": [1]} and found["evidence"]["artifacts"] == [{"name": "log"}]

    pending = recording.step("executions.pending", client.executions.mark_verification_pending(reported))
    assert pending["outcome_state"] == "verification_pending"
    # 0.1.3 sends an empty body whatever it is told: always valid.
    verified = recording.step("executions.verify", client.executions.mark_verified(reported, reason="seen"))
    assert verified["outcome_state"] == "verified_success"

    filters: list[dict[str, str]] = [
        {"cue_id": cue_id},
        {"status": "failed"},
        {"outcome_state": "verified_success"},
        {"triggered_by": "manual_fire"},
        {"triggered_by": "schedule"},
    ]
    counts = [client.executions.list(**wanted)["total"] for wanted in filters]
    recording.step("executions.list", counts)
    assert counts == [3, 1, 1, 3, 0]
    page = client.executions.list(limit=1, offset=1)
    assert len(page["executions"]) == 1 and page["has_more"] is True

    unstorable = raises(
        cueapi.CueAPIServerError,
        client.executions.report_outcome,
        server.claimed(cue_id),
        success=True,
        result="\0",
    )
    assert unstorable.status_code == 500


def drive_errors(recording: Recording, url: str, client: cueapi.CueAPI, strict: cueapi.CueAPI) -> None:
    bad_cron = raises(
        cueapi.InvalidScheduleError, client.cues.create, "bad", cron="99 * * * *", transport="worker"
    )
    bad_name = raises(cueapi.InvalidScheduleError, client.cues.create, "", cron=YEARLY, transport="worker")
    taken = raises(cueapi.CueAPIError, client.cues.create, "renamed", cron=YEARLY, transport="worker")
    stranger = cueapi.CueAPI("cue_sk_" + "f" * 32, base_url=url)
    refused = raises(cueapi.AuthenticationError, stranger.cues.list)
    stranger.close()

    strict.cues.create("the only one", cron=YEARLY, transport="worker")
    full = raises(
        cueapi.CueLimitExceededError, strict.cues.create, "one more", cron=YEARLY, transport="worker"
    )
    strict.cues.list()
    limited = raises(cueapi.RateLimitError, strict.cues.list)
    assert 0 < limited.retry_after <= 60
    errors = (bad_cron, bad_name, taken, refused, full, limited)
    recording.step("errors", [[error.status_code, error.code, error.message] for error in errors])


def main(url: str, key: str, strict_url: str, strict_key: str) -> None:
    recording = Recording()
    with (
        cueapi.CueAPI(key, base_url=url + "/") as client,
        cueapi.CueAPI(strict_key, base_url=strict_url) as strict,
    ):
        cue_id = drive_cues(recording, client)
        drive_executions(recording, client, Server(url, key), cue_id)
        drive_errors(recording, url, client, strict)
    raises(RuntimeError, client.cues.list)  # closed
    exported = [getattr(cueapi, name) for name in cueapi.__all__]
    classes = [value for value in exported if isinstance(value, type) and not issubclass(value, Exception)]
    public = dict(methods(*dict.fromkeys([*classes, CuesResource, ExecutionsResource])))
    public |= {value.__name__: value for value in exported if not isinstance(value, type)}
    recording.end(public)


if __name__ == "__main__":
    main(*sys.argv[1:])
