"""Every endpoint, with requests of every kind: no answer is a 500 but those that the service gives, too.

A few rounds through all endpoints here, 1,000 with CUEWORKER_SOAK=1.
"""

from __future__ import annotations

import http.client
import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cueworker.local.routes import ENDPOINTS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.local_server import LocalServerProcess
from support.surface import BODIES, Request, requests_to

SOAK = os.environ.get("CUEWORKER_SOAK") == "1"
ROUNDS = 1000 if SOAK else 15
REFUSALS = {400, 401, 403, 404, 405, 409, 413, 422, 429}


class Surface:
    """Sends requests as one account, and remembers the ids that it was given."""

    def __init__(self, server: LocalServerProcess) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        self.key = server.api_key
        self.statuses: Counter[int] = Counter()
        self.undocumented: list[str] = []
        self.ids: dict[str, list[str]] = {
            "cues": [],
            "executions": [],
            "workers": ["w"],
            "keys": [],
            "logins": [],
        }

    def send(self, request: Request) -> None:
        """One request; asserts what holds for every answer."""
        path = request.path(self._ids_for(request.template))
        headers = {"Authorization": f"Bearer {self.key}", **request.headers}
        status, answered, body = self._exchange(request.method, path, request.body, headers)
        self.statuses[status] += 1
        where = f"{request.method} {path} {request.body!r} -> {status} {body[:300]!r}"
        assert answered.get("X-Request-Id"), where
        if status == 500 and not request.may_fail:
            self.undocumented.append(where)
        elif status == 204:
            assert body == b"", where
        elif status in (200, 201):
            assert answered["Content-Type"] == "application/json", where
            self._learn(request, json.loads(body))
        else:
            assert status in {*REFUSALS, 500}, where
            error = json.loads(body)["error"]
            assert set(error) - {"details"} == {"code", "message", "status"} and error["status"] == status, (
                where
            )
            assert status != 401 or request.template == "/v1/auth/session", where

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        self._connection.request(method, path, body, encoded)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status == 500:  # after which the connection is dropped
            self._connection.close()
        return answer.status, answer.headers, content

    def _ids_for(self, template: str) -> list[str]:
        kinds = [kind for kind in self.ids if f"/{kind}/{{" in template]
        return self.ids[kinds[0]] if kinds else []

    def _learn(self, request: Request, said: dict[str, Any]) -> None:
        endpoint = f"{request.method} {request.template}"
        for kind, makers, name in (
            ("cues", ("POST /v1/cues",), "id"),
            ("executions", ("POST /v1/cues/{id}/fire", "POST /v1/executions/{id}/replay"), "id"),
            ("keys", ("POST /v1/auth/keys",), "id"),
            ("logins", ("POST /v1/auth/device-code",), "user_code"),
        ):
            if endpoint in makers:
                self.ids[kind].append(said[name])
        if endpoint == "POST /v1/auth/key/regenerate":
            self.key = said["api_key"]

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    with LocalServerProcess(tmp_path / "server") as server:
        made = Surface(server)
        cue = server.cue("known", payload={"task": "t"})
        made.ids["cues"] += [cue, server.cue("other", verification={"mode": "manual"})]
        ended, held, pending = (server.fire(cue) for _ in range(3))
        for execution in (ended, held):
            server.claim(execution)
        server.ok("POST", f"/v1/executions/{ended}/outcome", {"success": True})
        made.ids["executions"] += [ended, held, pending]
        made.ids["logins"].append(
            server.ok("POST", "/v1/auth/device-code", {"device_code": uuid.uuid4().hex})["user_code"]
        )
        yield made
        made.close()
        unexpected = [line for line in server.log if "ERROR" in line or line.startswith("Traceback")]
        assert not unexpected, unexpected[:9]


def in_order() -> list[tuple[str, str]]:
    """All endpoints: what makes the things that others ask for comes first, what deletes them last."""

    def place(endpoint: tuple[str, str]) -> tuple[bool, bool, bool]:
        method, path = endpoint
        return method == "DELETE", not path.startswith("/v1/cues"), not path.endswith("/claim")

    return sorted(((method, path) for method, path, _ in ENDPOINTS), key=place)


def test_every_body_is_described_and_of_an_endpoint() -> None:
    assert set(BODIES) == {f"{m} {path}" for m, path, _ in ENDPOINTS if m in ("POST", "PATCH")}


@pytest.mark.timeout(3600 if SOAK else 120)
def test_no_request_is_answered_500(surface: Surface, capsys: pytest.CaptureFixture[str]) -> None:
    @settings(
        max_examples=ROUNDS,
        deadline=None,
        database=None,
        derandomize=not SOAK,
        phases=[
            Phase.generate
        ],  # what happened is in the list of answers; it would not happen the same way again
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*(requests_to(method, template) for method, template in in_order())))
    def answered(requests: tuple[Request, ...]) -> None:
        for request in requests:
            surface.send(request)

    answered()
    sent = surface.statuses.total()
    with capsys.disabled():
        print(
            f"\nrequests: {sent}, of {len(ENDPOINTS)} endpoints; 500s: {len(surface.undocumented)}"
            f" (and {surface.statuses[500]} for what no database takes)"
        )
    assert not surface.undocumented, surface.undocumented[:5]
    assert sent > len(ENDPOINTS) * ROUNDS / 2
    succeeded = sum(n for status, n in surface.statuses.items() if status < 300)
    assert succeeded > sent / 10, f"hardly any request was good: {surface.statuses}"
