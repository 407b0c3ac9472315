"""A client that hangs up while its listing is held leaves nothing behind in the application."""

from __future__ import annotations

import asyncio
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
    "method": "GET",
    "path": "/v1/executions/claimable",
    "query_string": b"wait=30",
    "headers": [(b"authorization", f"Bearer {KEY}".encode())],
}


def _site(path: Path) -> Site:
    store, waiters, rules = Store(path), Waiters(), Rules()
    keys = KeyRing(store.db)
    with store.writing() as db:
        keys.add(db, local_account(db, now=time.time()), KEY, now=time.time())
    return Site(store, keys, waiters, Ticker(store, waiters, rules), rules)


def test_a_hung_up_listing_is_forgotten_and_not_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = _site(tmp_path / "db")
        hangs_up = asyncio.Event()
        messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await hangs_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        serving = asyncio.create_task(Application(build_routes(site))(dict(REQUEST), receive, send))
        while not len(site.waiters):  # noqa: ASYNC110  the application offers no event for this
            await asyncio.sleep(0)
        hangs_up.set()
        await asyncio.wait_for(serving, 20)
        assert len(site.waiters) == 0
        assert sent == []
        assert asyncio.all_tasks() == {asyncio.current_task()}
        site.store.close()

    asyncio.run(scenario())


def test_a_held_listing_that_was_answered_leaves_no_task(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = _site(tmp_path / "db")
        messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return messages.pop() if messages else await asyncio.Future()

        async def send(message: Message) -> None:
            sent.append(message)

        serving = asyncio.create_task(Application(build_routes(site))(dict(REQUEST), receive, send))
        while not len(site.waiters):  # noqa: ASYNC110  the application offers no event for this
            await asyncio.sleep(0)
        site.waiters.close()
        await asyncio.wait_for(serving, 20)
        await asyncio.sleep(0)  # the cancelled task takes its leave
        assert sent[0]["status"] == 200
        assert asyncio.all_tasks() == {asyncio.current_task()}
        site.store.close()

    asyncio.run(scenario())
