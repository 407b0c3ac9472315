"""A CueAPI account in a test: fires executions of tasks and looks at what was recorded."""

from __future__ import annotations

import uuid
from typing import Any

from cueworker.client import CueAPI
from support.waiting import PATIENCE, until

FINAL = {"success", "failed", "missed", "outcome_timeout"}


class Site:
    """The test's own client, past whatever stands between the pool and the server."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url
        self.api_key = api_key
        self.api = CueAPI(api_key, base_url=url)
        self._cues: dict[tuple[str, str | None], str] = {}

    def fire(self, task: str, payload: dict[str, Any] | None = None, verification: str | None = None) -> str:
        """Make one execution of `task`; returns its id."""
        cue = self._cues.get((task, verification))
        if cue is None:
            mode = None if verification is None else {"mode": verification}
            created = self.api.cues.create(
                f"{task} {uuid.uuid4()}",
                at="2099-01-01T00:00:00Z",
                payload={"task": task},
                verification=mode,
            )
            cue = self._cues[task, verification] = created["id"]
        fired = self.api.cues.fire(
            cue, payload_override={**(payload or {}), "task": task}, merge_strategy="replace"
        )
        return str(fired["id"])

    def get(self, execution_id: str) -> dict[str, Any]:
        """An execution as the server has it."""
        return self.api.executions.get(execution_id)

    def recorded(self, execution_id: str, within: float = PATIENCE) -> dict[str, Any]:
        """An execution once it has ended."""

        def probe() -> dict[str, Any] | None:
            found = self.get(execution_id)
            return found if found["status"] in FINAL else None

        return until(probe, f"outcome of {execution_id}", within)

    def claimed(self, execution_id: str) -> None:
        """Wait until a worker has an execution."""
        until(lambda: self.get(execution_id)["status"] == "delivering", f"{execution_id} is claimed")

    def close(self) -> None:
        """Let go of the connection."""
        self.api.close()
