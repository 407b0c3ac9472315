"""A body that never comes to its end is not waited for."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from cueworker.local.app import Application
from cueworker.local.keys import KeyRing, local_account
from cueworker.local.options import Rules
from cueworker.local.routes import build_routes
from cueworker.local.site import Site
from cueworker.local.store import Store
from cueworker.local.ticker import Ticker
from cueworker.local.waiters import Waiters
from starlette.types import Message, Scope

KEY = "cue_sk_test"
REQUEST: Scope = {
    "type": "http",
    "method": "POST",
    "path": "/v1/cues",
    "query_string": b"",
    "headers": [(b"authorization", f"Bearer {KEY}".encode()), (b"transfer-encoding", b"chunked")],
}


def test_a_slow_body_is_answered_and_hung_up_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        store, waiters, rules = Store(tmp_path / "db"), Waiters(), Rules(body_within=0.05)
        keys = KeyRing(store.db)
        with store.writing() as db:
            keys.add(db, local_account(db, now=time.time()), KEY, now=time.time())
        site = Site(store, keys, waiters, Ticker(store, waiters, rules), rules)
        messages: list[Message] = [{"type": "http.request", "body": b'{"name": "', "more_body": True}]
        sent: list[Message] = []

        async def receive() -> Message:
            return messages.pop() if messages else await asyncio.Future()

        async def send(message: Message) -> None:
            sent.append(message)

        await asyncio.wait_for(Application(build_routes(site))(dict(REQUEST), receive, send), 20)
        head, body = sent
        assert (head["status"], dict(head["headers"])[b"connection"]) == (408, b"close")
        assert json.loads(body["body"])["error"]["code"] == "request_timeout"
        store.close()

    asyncio.run(scenario())
