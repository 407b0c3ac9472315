"""What tests ask of a server, as one account of it."""

from __future__ import annotations

from typing import Any

import requests

DEADLINE = 30.0
"""Seconds that anything may take on a busy machine."""


class ServerClient:
    """Calls a server with one key."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url
        self.api_key = api_key

    def call(self, method: str, path: str, body: object = None, **kwargs: Any) -> requests.Response:
        """One request on its own connection, with the key unless `headers` say otherwise."""
        kwargs.setdefault("headers", {}).setdefault("Authorization", f"Bearer {self.api_key}")
        return requests.request(method, self.url + path, json=body, timeout=DEADLINE, **kwargs)

    def ok(self, method: str, path: str, body: object = None, **kwargs: Any) -> Any:
        """The JSON of an answer that must be a success."""
        answer = self.call(method, path, body, **kwargs)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def cue(self, name: str = "a cue", **fields: Any) -> str:
        """Makes a worker cue whose own schedule is far away; returns its id."""
        schedule = {"type": "recurring", "cron": "0 0 1 1 *"}
        body = {"name": name, "transport": "worker", "schedule": schedule, **fields}
        return str(self.ok("POST", "/v1/cues", body)["id"])

    def fire(self, cue_id: str, **body: Any) -> str:
        """Fires the cue; returns the execution's id."""
        return str(self.ok("POST", f"/v1/cues/{cue_id}/fire", body or None)["id"])

    def claim(self, execution_id: str, worker: str = "w") -> None:
        """Claims the execution."""
        self.ok("POST", f"/v1/executions/{execution_id}/claim", {"worker_id": worker})

    def execution(self, execution_id: str) -> Any:
        """The execution as the server shows it."""
        return self.ok("GET", f"/v1/executions/{execution_id}")

    def claimable(self, query: str = "") -> list[Any]:
        """The listing of claimable executions."""
        rows = self.ok("GET", f"/v1/executions/claimable{query}")["executions"]
        assert isinstance(rows, list)
        return rows
