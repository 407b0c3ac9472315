"""The calls that only the embedded server answers: its keys, the logins that wait for its owner, its dashboard."""

from __future__ import annotations

from typing import Any

from .transport import Transport, path_part


class Keys:
    """`/v1/auth/keys`. Every call raises CueAPIError; NotFound at other servers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> dict[str, Any]:
        """`{"keys": [{id, label, key, created_at, last_used, current}]}`, newest first; `key` is abbreviated."""
        return self._transport.call("GET", "/v1/auth/keys").json_object()

    def make(self, label: str) -> dict[str, Any]:
        """`{id, label, api_key}`: a further key of the account, told this once."""
        answer = self._transport.call("POST", "/v1/auth/keys", body={"label": label})
        made = answer.json_object()
        if not isinstance(made.get("api_key"), str):
            raise answer.malformed("it holds no key")
        return made

    def revoke(self, key_id: str) -> dict[str, Any]:
        """End a key at once. `replaced` in the answer: it was the server's own, which has a new one."""
        return self._transport.call("DELETE", f"/v1/auth/keys/{path_part(key_id)}").json_object()


class Logins:
    """`/v1/auth/logins`. Every call raises CueAPIError; NotFound at other servers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> dict[str, Any]:
        """`{"logins": [{code, email, asked_at, expires_at}]}` that wait for a decision, oldest first."""
        return self._transport.call("GET", "/v1/auth/logins").json_object()

    def approve(self, code: str) -> dict[str, Any]:
        """Let the device in; it gets a key of this account."""
        return self._decide(code, "approve")

    def deny(self, code: str) -> dict[str, Any]:
        """Turn the device away."""
        return self._decide(code, "deny")

    def _decide(self, code: str, what: str) -> dict[str, Any]:
        return self._transport.call("POST", f"/v1/auth/logins/{path_part(code)}/{what}").json_object()


class Dashboard:
    """`/dashboard`. The call raises CueAPIError; NotFound at other servers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def link(self) -> str:
        """A path, to put behind the server's address, that signs in one browser, once, within a minute."""
        answer = self._transport.call("POST", "/dashboard/link")
        path = answer.json_object().get("path")
        if not isinstance(path, str):
            raise answer.malformed("it holds no path")
        return path
