"""Held listings: who is woken, in which order, and that nobody stays behind."""

from __future__ import annotations

import asyncio

from cueworker.local.waiters import Waiters, Wanted


def test_only_those_concerned_wake_in_the_order_they_came() -> None:
    async def scenario() -> None:
        waiters = Waiters()
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        woken: list[str] = []

        async def wait(name: str, wanted: Wanted) -> None:
            await waiters.wait(wanted, 30, never)
            woken.append(name)

        everyone = {
            "first": Wanted(1),
            "other task": Wanted(1, task="b"),
            "same task": Wanted(1, task="a"),
            "other account": Wanted(2),
            "last": Wanted(1),
        }
        tasks = [asyncio.create_task(wait(name, wanted)) for name, wanted in everyone.items()]
        await asyncio.sleep(0)
        waiters.wake(Wanted(1, task="a"))
        await asyncio.wait([tasks[0], tasks[2], tasks[4]])
        assert woken == ["first", "same task", "last"]
        assert len(waiters) == 2
        waiters.close()
        await asyncio.gather(*tasks)
        assert len(waiters) == 0

    asyncio.run(scenario())


def test_a_client_that_hangs_up_a_timeout_and_a_cancellation_leave_no_waiter() -> None:
    async def scenario() -> None:
        waiters = Waiters()
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        hung_up = asyncio.create_task(waiters.wait(Wanted(1), 30, gone))
        cancelled = asyncio.create_task(waiters.wait(Wanted(1), 30, asyncio.Future()))
        timed_out = asyncio.create_task(waiters.wait(Wanted(1), 0.01, asyncio.Future()))
        await asyncio.sleep(0)
        assert len(waiters) == 3
        gone.set_result(None)
        cancelled.cancel()
        await asyncio.wait([hung_up, cancelled, timed_out])
        assert len(waiters) == 0

    asyncio.run(scenario())
