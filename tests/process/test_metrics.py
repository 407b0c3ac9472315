"""A real pool's metrics: every ending counted, nothing forgotten over restarts, every query of the dashboard answered."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from typing import Any

from support.faults import Request, refusal
from support.monitoring import matchers, queries
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
    settings = {"metrics": {"listen": "127.0.0.1:0"}, "kill_grace": 0.4, "heartbeat_interval": 1}
    with staged(tmp_path, HANDLERS, {"rate_limit": 100_000}, workers=4, **settings) as stage:
        url = address(stage.pool)
        assert health(url, "/healthz")[0] == 200
        until(lambda: not reasons(url), "the pool is ready")
        assert not any(scrape(url).value("cueworker_executions_total", task=task) for task in HANDLERS)

        everything = each_ending_is_counted(stage, url)
        every_query_has_an_answer(everything)
        url = counters_survive_the_steward_and_a_taken_port(stage, everything)
        a_refused_key_is_told(stage, url)
        the_end_is_counted_too(stage, url)
        assert stage.pool.stop() == 0


def each_ending_is_counted(stage: Stage, url: str) -> Scrape:
    taken = stage.site.fire("ok")  # by somebody else, says the proxy
    leased = stage.site.fire("leased")

    def rule(request: Request) -> Any:
        if request.action == "claim" and request.execution_id == taken:
            return refusal(409)
        return refusal(403) if request.action == "heartbeat" and request.execution_id == leased else None

    stage.proxy.rule = rule
    for task in ENDINGS.keys() - {"leased"}:
        stage.site.fire(task)
    until(
        lambda: all(ended(scrape(url), task, *ending) == 1 for task, ending in ENDINGS.items()),
        f"each ending is counted once: {stage.pool.log}",
    )
    until(lambda: scrape(url).value("cueworker_reports_total") == len(ENDINGS), "each report has its fate")
    stage.proxy.rule = None
    found = scrape(url)
    assert found.value("cueworker_executions_total") == len(ENDINGS)
    of_a_worker = len(ENDINGS) - 1  # how long the lost one ran, nobody knows
    assert found.value("cueworker_execution_duration_seconds_count") == of_a_worker
    assert found.value("cueworker_execution_duration_seconds_sum", task="deaf") >= 0.6
    assert found.value("cueworker_execution_duration_seconds_bucket", task="deaf", le="0.5") == 0
    assert found.value("cueworker_queue_delay_seconds_count") == len(ENDINGS) - 1  # one never started
    assert found.value("cueworker_claims_total", result="granted") == len(ENDINGS)
    assert found.value("cueworker_claims_total", result="refused", task="ok") >= 1
    assert found.value("cueworker_server_calls_total", call="claim", answer="409") >= 1
    assert found.value("cueworker_server_calls_total", call="renew", answer="403") == 1
    assert found.value("cueworker_leases_lost_total", reason="taken") == 1
    assert found.value("cueworker_reports_total", fate="not_ours") == 1
    assert found.value("cueworker_reports_total", fate="recorded") == len(ENDINGS) - 1
    assert found.value("cueworker_kills_total", rung="term") == 2
    assert found.value("cueworker_kills_total", rung="kill") == 2  # the deaf one; the leased one at once
    assert found.value("cueworker_swept_processes_total") >= 1
    assert found.value("cueworker_restarts_total", process="worker", reason="crashed") == 1
    assert found.value("cueworker_restarts_total") == 1
    assert found.value("cueworker_slots") == 4
    assert found.value("cueworker_budget_limit_requests") == 100_000
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


def the_end_is_counted_too(stage: Stage, url: str) -> None:
    """Of two handlers one goes at TERM, the other holds the pool until KILL: there is somebody left to ask."""
    executions = [stage.site.fire("leased"), stage.site.fire("stubborn")]
    for execution in executions:
        stage.site.claimed(execution)
    until(lambda: len(stage.pool.events("execution.started")) >= len(ENDINGS) + 2, "both run")
    assert scrape(url).value("cueworker_slots", state="busy") == 2
    stage.pool.send(signal.SIGTERM)
    until(lambda: "draining" in reasons(url), "the drain is told")
    found = scrape(url)
    assert (found.value("cueworker_draining"), found.value("cueworker_ready")) == (1, 0)
    stage.pool.send(signal.SIGTERM)
    until(lambda: ended(scrape(url), "leased", "shut_down", "failure") == 1, "the end of the pool is counted")
