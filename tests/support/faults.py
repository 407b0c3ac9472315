"""What a fault-injecting proxy may do to a request, and the rules that say to which. Plain values."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as the pool sent it."""

    at: float
    """`time.monotonic()` when it had arrived."""
    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The target's query."""
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def action(self) -> str:
        """What is asked for: `list`, `claim`, `heartbeat`, `outcome`, `register`, else the path."""
        if self.path == "/v1/worker/heartbeat":
            return "register"
        match self.path.split("/")[2:]:
            case ["executions", "claimable"]:
                return "list"
            case ["executions", _, ("claim" | "heartbeat" | "outcome") as action]:
                return action
        return self.path

    @property
    def execution_id(self) -> str | None:
        """The execution that it is about."""
        parts = self.path.split("/")
        return parts[3] if len(parts) == 5 and parts[2] == "executions" else None

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A whole answer. As a fault: the server never sees the request, and this is what the pool is told."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    then_close: bool = False

    def head(self) -> bytes:
        """The status line and the header block."""
        fields = {**self.headers, "Content-Length": str(len(self.body))}
        if self.then_close:
            fields["Connection"] = "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        reason = http.client.responses.get(self.status, "Unknown")
        return f"HTTP/1.1 {self.status} {reason}\r\n{lines}\r\n".encode("latin-1")


@dataclass(frozen=True)
class Reset:
    """The connection is reset; the server never sees the request."""


@dataclass(frozen=True)
class BlackHole:
    """Nothing happens until the event is set; then the request passes, if its sender still waits for it."""

    released: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Slow:
    """The request passes after that many seconds."""

    seconds: float


@dataclass(frozen=True)
class AnswerLost:
    """The server acts; the connection is closed without a byte of its answer."""


@dataclass(frozen=True)
class CutHeaders:
    """The server acts; the connection is closed in the middle of the answer's header block."""


@dataclass(frozen=True)
class CutBody:
    """The server acts; the connection is closed in the middle of the answer's body."""


@dataclass(frozen=True)
class Rewrite:
    """The server acts; the pool gets its answer as `change` returns it."""

    change: Callable[[Answer], Answer]


Fault = Answer | Reset | BlackHole | Slow | AnswerLost | CutHeaders | CutBody | Rewrite
Rule = Callable[[Request], Fault | None]


def refusal(status: int, headers: Mapping[str, str] | None = None, *, then_close: bool = False) -> Answer:
    """The API's own refusal."""
    envelope = {"error": {"code": "refused", "message": f"the test says {status}", "status": status}}
    fields = {"Content-Type": "application/json", **(headers or {})}
    return Answer(status, fields, json.dumps(envelope).encode(), then_close)


def page(status: int) -> Answer:
    """The HTML page with which a gateway answers for a server that it cannot reach."""
    return Answer(status, {"Content-Type": "text/html"}, f"<html><h1>{status}</h1></html>".encode(), True)


def without_header(name: str) -> Rewrite:
    """The server's answer without one header."""

    def change(answer: Answer) -> Answer:
        kept = {key: value for key, value in answer.headers.items() if key.lower() != name.lower()}
        return replace(answer, headers=kept)

    return Rewrite(change)


def always(action: str, fault: Fault, execution_id: str | None = None) -> Rule:
    """The same fault for every request of an action, of one execution if one is given."""

    def rule(request: Request) -> Fault | None:
        is_meant = request.action == action and execution_id in (None, request.execution_id)
        return fault if is_meant else None

    return rule


class InTurn:
    """A rule: the requests of an action meet these faults, one each; those after them pass."""

    def __init__(self, action: str, *faults: Fault) -> None:
        self._action = action
        self._left = deque(faults)

    def __call__(self, request: Request) -> Fault | None:
        if request.action != self._action:
            return None
        with contextlib.suppress(IndexError):
            return self._left.popleft()
        return None

    @property
    def is_over(self) -> bool:
        """Whether every fault has been met."""
        return not self._left
