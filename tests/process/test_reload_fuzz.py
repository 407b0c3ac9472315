"""Promise 6 under load: a hundred bad configurations change nothing, good ones touch nothing that runs."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cueworker.supervisor.config import ConfigError, Overrides, Problem, load_config
from support.faults import refusal
from support.pool import Pool
from support.stage import Stage, staged
from support.waiting import until

RUNNING = 8
SEED = 20260207
SCRAPS = (
    *(
        "",
        " ",
        "\n",
        "\t",
        "\0",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"',
        "'",
        "#",
        "&a",
        "*a",
        "!!int",
        "- ",
        "? ",
        "%",
    ),
    *(
        "null",
        "~",
        "-1",
        "0",
        "1e999",
        "yes",
        "9" * 30,
        "{{ payload.x }}",
        "${UNSET_ANYWHERE}",
        "\ufeff",
        "\x85",
    ),
    *('"cmdd": ', '"workers": "many", ', '"handlers": {}, ', '"timeout": "soon", ', "---\n", "...\n", "<<: "),
)


def mutated(good: str, chance: random.Random) -> str:
    """The text with one to three pieces replaced."""
    text = good
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(text))
        text = text[:start] + chance.choice(SCRAPS) + text[start + chance.randrange(12) :]
    return text


def refused(folder: Path, pool: Pool, chance: random.Random) -> Iterator[tuple[str, tuple[Problem, ...]]]:
    """Mutations of the pool's configuration that cannot be loaded, each with what is wrong with it."""
    good = pool.config.read_text()
    # Of the same name, which stands in every message, and as private.
    copy = folder / "copy" / pool.config.name
    copy.parent.mkdir()
    copy.touch(mode=0o600)
    while True:
        text = mutated(good, chance)
        copy.write_text(text)
        try:
            load_config(copy, Overrides(state_dir=pool.state_dir))
        except ConfigError as error:
            yield text, error.problems


def waiting(tmp_path: Path, timeout: float) -> dict[str, Any]:
    script = 'while [ ! -e "$GO" ]; do sleep 0.1; done; echo finished'
    return {"cmd": script, "env": {"GO": str(tmp_path / "go")}, "timeout": timeout}


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[tuple[Stage, list[str]]]:
    """A pool whose workers are all at something, and what they are at."""
    handlers = {"waiter": waiting(tmp_path, 300), "quick": "echo old"}
    with staged(tmp_path, handlers, workers=RUNNING) as stage:
        executions = [stage.site.fire("waiter") for _ in range(RUNNING)]
        stage.pool.wait_for_event("execution.started", RUNNING)
        yield stage, executions


def finish(stage: Stage, executions: list[str], tmp_path: Path) -> None:
    """Let the running handlers end; each does so in its own way, undisturbed."""
    assert len(stage.pool.events("execution.ended")) == len(stage.pool.events("execution.started")) - RUNNING
    (tmp_path / "go").touch()
    for execution in executions:
        found = stage.site.recorded(execution)
        assert (found["status"], found["outcome"]["result"]) == ("success", "finished\n")


@pytest.mark.parametrize("rounds", [100, pytest.param(2000, marks=pytest.mark.soak)])
def test_bad_configurations_change_nothing_and_are_reported(
    tmp_path: Path, busy: tuple[Stage, list[str]], rounds: int
) -> None:
    stage, executions = busy
    pool = stage.pool
    workers, steward = {worker.pid for worker in pool.workers()}, pool.steward().pid
    bad = refused(tmp_path, pool, random.Random(SEED + rounds))
    for number in range(rounds):
        text, problems = next(bad)
        seen = pool.log.stat().st_size
        pool.config.write_text(text)
        pool.send(signal.SIGHUP)
        expected = [str(problem).replace(problem.file, str(pool.config), 1) for problem in problems]
        until(
            lambda seen=seen, expected=expected: all(words in said_since(pool, seen) for words in expected),
            f"round {number} is reported: {expected}",
        )
        assert any(problem.line > 0 for problem in problems), expected
        assert said_since(pool, seen).count("[pool.not_reloaded]") == len(problems)
    assert not pool.events("pool.reloaded")
    assert {worker.pid for worker in pool.workers()} == workers
    assert pool.steward().pid == steward
    finish(stage, executions, tmp_path)
    assert stage.site.recorded(stage.site.fire("quick"))["outcome"]["result"] == "old\n"
    stage.wait_until_settled()


def said_since(pool: Pool, offset: int) -> str:
    with pool.log.open() as log:
        log.seek(offset)
        return log.read()


def reload(pool: Pool, handlers: dict[str, Any], **settings: Any) -> None:
    before = len(pool.events("pool.reloaded"))
    pool.configure(handlers, **settings)
    pool.send(signal.SIGHUP)
    pool.wait_for_event("pool.reloaded", before + 1)


def test_good_configurations_hold_at_once_and_leave_alone_what_runs(
    tmp_path: Path, busy: tuple[Stage, list[str]]
) -> None:
    stage, executions = busy
    pool, site = stage.pool, stage.site
    # Workers and handlers.
    reload(
        pool,
        {"waiter": waiting(tmp_path, 300), "quick": "echo new", "more": "echo more"},
        workers=RUNNING + 2,
    )
    assert site.recorded(site.fire("quick"))["outcome"]["result"] == "new\n"
    assert site.recorded(site.fire("more"))["outcome"]["result"] == "more\n"
    # A time-out: the new one is over for those that run, too, when it has ended one that began under it.
    handlers = {"waiter": waiting(tmp_path, 1), "quick": "echo newer"}
    reload(pool, handlers)
    assert site.recorded(site.fire("waiter"))["outcome"]["error"] == "Handler timeout exceeded (1s)"
    # A handler that is gone is offered no more work.
    assert site.recorded(site.fire("quick"))["outcome"]["result"] == "newer\n"
    # The key. What runs reports with the old one, which is dead, and so through the steward, which has the new one.
    old = f"Bearer {stage.server.api_key}"
    stage.proxy.rule = lambda request: refusal(401) if request.headers["authorization"] == old else None
    reload(pool, handlers, api_key=site.api_key)
    assert site.recorded(site.fire("quick"))["status"] == "success"
    assert [site.get(execution)["status"] for execution in executions] == ["delivering"] * RUNNING
    finish(stage, executions, tmp_path)
    stage.wait_until_settled()
    until(lambda: len(pool.workers()) == RUNNING + 2, "every slot has a worker")


def test_a_running_handlers_lease_is_kept_with_the_new_key(tmp_path: Path) -> None:
    handlers = {"waiter": waiting(tmp_path, 300)}
    lease, beats = 3, 5
    with staged(tmp_path, handlers, {"lease_seconds": lease}, heartbeat_interval=1) as stage:
        execution = stage.site.fire("waiter")
        stage.pool.wait_for_event("execution.started")
        old = f"Bearer {stage.server.api_key}"
        stage.proxy.rule = lambda request: refusal(401) if request.headers["authorization"] == old else None
        reload(stage.pool, handlers, api_key=stage.site.api_key)

        def kept() -> int:
            return sum(exchange.sent == 200 for exchange in stage.proxy.of("heartbeat", execution))

        before = kept()
        until(lambda: kept() >= before + beats, "the lease has been renewed for longer than it lasts")
        (tmp_path / "go").touch()
        assert stage.site.recorded(execution)["status"] == "success"
        stage.wait_until_settled()
