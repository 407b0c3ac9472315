"""A real pool's metrics: every ending is counted, restarts forget nothing, every query has an answer."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path
from typing import Any

from support.faults import Request, refusal
from support.monitoring import matchers, queries
from support.repository import ROOT
from support.scrape import Scrape, address, health, reasons, scrape
from support.stage import Stage, staged
from support.waiting import until

STUBBORN = "trap '' TERM; while :; do sleep 0.05; done"
HANDLERS: dict[str, Any] = {
    "ok": "true",
    "bad": "exit 3",
    "killed": "kill -9 $$",
    "slow": {"cmd": "sleep 60", "timeout": 0.2},
    "deaf": {"cmd": STUBBORN, "timeout": 0.2},
    "missing": {"argv": ["/nowhere/to/be/found"]},
    "lost": "kill -9 $PPID; sleep 60",
    "leased": "sleep 60",
    "stubborn": STUBBORN,
}
ENDINGS = {
    "ok": ("exited", "success"),
    "bad": ("exited", "failure"),
    "killed": ("signalled", "failure"),
    "slow": ("timed_out", "failure"),
    "deaf": ("timed_out", "failure"),
    "missing": ("could_not_start", "failure"),
    "lost": ("worker_lost", "failure"),
    "leased": ("lease_lost", "failure"),
}


def ended(found: Scrape, task: str, ending: str, verdict: str) -> float:
    return found.value("cueworker_executions_total", task=task, ending=ending, verdict=verdict)


def test_metrics_of_a_pool_from_its_start_to_its_end(tmp_path: Path) -> None:
    settings = {"metrics": {"listen": "127.0.0.1:0"}, "kill_grace": 0.4, "heartbeat_interval": 0.5}
    with staged(tmp_path, HANDLERS, {"rate_limit": 100_000}, workers=4, **settings) as stage:
        url = address(stage.pool)
        assert health(url, "/healthz")[0] == 200
        until(lambda: not reasons(url), "the pool is ready")
        assert not any(scrape(url).value("cueworker_executions_total", task=task) for task in HANDLERS)

        everything = each_ending_is_counted(stage, url)
        every_query_has_an_answer(everything)
        the_operators_page_names_what_there_is(everything)
        url = counters_survive_the_steward_and_a_taken_port(stage, everything)
        a_refused_key_is_told(stage, url)
        an_operator_is_seen(stage, url)
        the_end_is_counted_too(stage, url)
        assert stage.pool.stop() == 0


def all_counted(found: Scrape) -> bool:
    number = len(ENDINGS)
    expected = {
        ("executions_total",): number,
        ("execution_duration_seconds_count",): number - 1,  # how long the lost one ran, nobody knows
        **{("queue_delay_seconds_count", "task", task): 1 for task in ENDINGS.keys() - {"lost", "missing"}},
        ("claims_total", "result", "granted"): number,
        ("server_calls_total", "call", "renew", "answer", "403"): 1,
        ("leases_lost_total", "reason", "taken"): 1,
        ("reports_total", "fate", "not_ours"): 1,
        ("reports_total", "fate", "recorded"): number - 1,
        ("kills_total", "rung", "term"): 2,  # the slow one and the deaf one
        ("kills_total", "rung", "kill"): 2,  # the deaf one, and the leased one at once
        ("restarts_total", "process", "worker", "reason", "crashed"): 1,
        ("restarts_total",): 1,
        ("slots",): 4,
        ("slots", "state", "idle"): 4,
        ("budget_limit_requests",): 100_000,
        **{
            ("executions_total", "task", task, "ending", ending, "verdict", verdict): 1
            for task, (ending, verdict) in ENDINGS.items()
        },
    }
    differing = {
        key: (value, there)
        for key, value in expected.items()
        if (there := found.value(f"cueworker_{key[0]}", **dict(zip(key[1::2], key[2::2], strict=True))))
        != value
    }
    print("expected, there:", differing)
    return not differing


def each_ending_is_counted(stage: Stage, url: str) -> Scrape:
    leased: list[str] = []
    taken: list[str] = []

    def rule(request: Request) -> Any:
        if request.action == "claim" and (not taken or request.execution_id in taken):
            return refusal(409)
        return refusal(403) if request.action == "heartbeat" and request.execution_id in leased else None

    stage.proxy.rule = rule
    taken.append(stage.site.fire("ok"))  # by somebody else, says the proxy
    leased.append(stage.site.fire("leased"))
    for task in ENDINGS.keys() - {"leased"}:
        stage.site.fire(task)
    until(lambda: all_counted(scrape(url)), f"everything is counted, and once: {stage.pool.log}", within=10)
    stage.proxy.rule = None
    found = scrape(url)
    assert found.value("cueworker_execution_duration_seconds_sum", task="deaf") >= 0.6
    assert found.value("cueworker_execution_duration_seconds_bucket", task="deaf", le="0.5") == 0
    assert found.value("cueworker_claims_total", result="refused", task="ok") >= 1
    assert found.value("cueworker_server_calls_total", call="claim", answer="409") >= 1
    assert found.value("cueworker_swept_processes_total") >= 1
    assert found.value("cueworker_budget_used_requests") > 3 * len(ENDINGS)
    return found


def every_query_has_an_answer(found: Scrape) -> None:
    """The dashboard and the alerts ask for what there is: names, labels, and labels' values."""
    names = found.names()
    for where, query in queries():
        asked = matchers(query)
        assert asked, f"{where} asks for nothing: {query}"
        for name, labels in asked:
            assert name in names, f"{where}: there is no {name}"
            known = found.labels(name)
            for label, operator, value in labels:
                if label in ("instance", "job") or value.startswith("$"):
                    continue  # Prometheus' own, or chosen on the dashboard
                assert label in known, f"{where}: {name} has no label {label}"
                for one in value.split("|") if "~" in operator else [value]:
                    assert one in known[label], f"{where}: {name} never has {label}={one}"


def the_operators_page_names_what_there_is(found: Scrape) -> None:
    """docs/monitoring.md and the exposition have the same metrics."""
    page = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    named = set(re.findall(r"^\| `(cueworker_[a-z0-9_]+)", page, re.MULTILINE))
    assert named == {re.sub("_(bucket|sum|count)$", "", name) for name in found.names()}


def counters_survive_the_steward_and_a_taken_port(stage: Stage, before: Scrape) -> str:
    pool = stage.pool
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        more = {**HANDLERS, "added": "true"}
        del more["bad"]
        pool.configure(more, metrics={"listen": f"127.0.0.1:{port}"})
        pool.send(signal.SIGHUP)
        assert f"127.0.0.1:{port}" in pool.wait_for_event("metrics.unavailable")[0]
        stage.site.recorded(stage.site.fire("added"))
    pool.wait_for_event("metrics.listening", 2)
    url = address(pool)
    assert url.endswith(f":{port}")
    after = scrape(url)
    for (name, labels), value in before.samples.items():
        if re.search("_(total|count|sum|bucket)$", name):
            assert after.samples[name, labels] >= value, (name, labels)
    assert ended(after, "bad", "exited", "failure") == 1
    assert ended(after, "added", "exited", "success") == 1
    assert after.value("cueworker_restarts_total", process="steward", reason="clean") == 1
    return url


def a_refused_key_is_told(stage: Stage, url: str) -> None:
    stage.proxy.rule = lambda request: refusal(401) if request.action == "register" else None
    until(lambda: reasons(url) == {"key_refused"}, "the refused key is told")
    assert scrape(url).value("cueworker_unready", reason="key_refused") == 1
    stage.proxy.rule = None
    until(lambda: not reasons(url), "the pool is ready again")


def an_operator_is_seen(stage: Stage, url: str) -> None:
    cancelled = stage.site.fire("leased")
    until(lambda: started(stage, cancelled), "it runs")
    ask(stage, command="cancel", execution=cancelled)
    until(lambda: ended(scrape(url), "leased", "cancelled", "failure") == 1, "the cancelled one is counted")
    ask(stage, command="pause")
    assert reasons(url) == {"paused"}
    assert scrape(url).value("cueworker_paused") == 1
    ask(stage, command="resume")
    assert reasons(url) == set()
    ask(stage, command="recycle", slot=1)
    until(
        lambda: scrape(url).value("cueworker_restarts_total", process="worker", reason="operator") == 1,
        "the recycled worker is counted",
    )


def ask(stage: Stage, **request: Any) -> None:
    """Ask the pool's control socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(stage.pool.state_dir / "control.sock"))
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile() as answer:
            said = answer.readline()
    assert json.loads(said).get("ok"), said


def started(stage: Stage, execution: str) -> bool:
    return any(execution in line for line in stage.pool.events("execution.started"))


def the_end_is_counted_too(stage: Stage, url: str) -> None:
    """Of two handlers one goes at TERM, the other holds the pool until KILL: there is somebody left to ask."""
    executions = [stage.site.fire("leased"), stage.site.fire("stubborn")]
    until(lambda: all(started(stage, execution) for execution in executions), "both run")
    assert scrape(url).value("cueworker_slots", state="busy") == 2
    stage.pool.send(signal.SIGTERM)
    until(lambda: "draining" in reasons(url), "the drain is told")
    found = scrape(url)
    assert (found.value("cueworker_draining"), found.value("cueworker_ready")) == (1, 0)
    stage.pool.send(signal.SIGTERM)
    until(lambda: ended(scrape(url), "leased", "shut_down", "failure") == 1, "the end of the pool is counted")
