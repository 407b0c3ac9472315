"""An operator's hands on a running pool, through the real command: each does what it says and harms no handler."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

from support.cli import command, cueworker, surroundings
from support.nobody import as_owner_of, nobodys, nobodys_pool
from support.operator import Operator
from support.pool import SETTLED, Pool, end, running
from support.site import FINAL, Site
from support.waiting import until

__all__ = ["nobodys"]

WAITER = 'while [ ! -e "$GO" ]; do sleep 0.05; done; echo finished'

PROOF = """echo '{"external_id": "paid-1"}' > "$CUEAPI_OUTCOME_FILE"; touch "$PAID"; exec sleep 300"""


def handlers(go: Path) -> dict[str, Any]:
    return {
        "waiter": {"cmd": WAITER, "env": {"GO": str(go)}},
        "stubborn": "trap '' TERM; setsid sleep 300 & wait; wait",
        "proof": {"cmd": PROOF, "env": {"PAID": str(go.with_name("paid"))}},
        "noop": "true",
    }


def test_every_command_does_what_it_says_and_harms_no_handler(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with running(Pool(tmp_path, handlers(go), workers=3)) as pool:
        site, operator = pool.site(), Operator(pool)
        kept = site.fire("waiter")
        operator.sees_running(kept)
        _shows(operator, kept)
        _cancels(operator, site)
        _pauses(operator, site, pool)
        _scales(operator, pool)
        _recycles(operator, kept)
        _reloads(operator, pool, go)
        assert site.get(kept)["status"] == "delivering"
        assert "draining; 1 execution(s) run" in operator.does("drain")
        assert "it was stopping already" in operator.does("drain")
        assert "(pid" in operator.does("status") and operator.ask("status")["stage"] == "draining"
        assert operator.command("pause").returncode == 1
        go.touch()
        assert site.recorded(kept)["outcome"]["result"] == "finished\n"
        site.close()
        operator.command("drain", "--wait")
        assert pool.process is not None and pool.process.wait(30) == 0
        assert pool.leftovers() == SETTLED
        assert not (pool.state_dir / "control.sock").exists()
        _nobody_is_there(operator)


def _shows(operator: Operator, execution_id: str) -> None:
    lines = operator.does("status").splitlines()
    assert any(" waiter " in line and execution_id[:8] in line for line in lines)
    found = json.loads(operator.does("status", "--json"))
    execution = next(slot["execution"] for slot in found["slots"] if slot["execution"])
    assert (execution["id"], execution["task"], execution["timeout"]) == (execution_id, "waiter", 300.0)
    assert 0 < execution["lease_left"] <= 300 and execution["time_left"] <= 300
    output = operator.pool.state_dir / "logs" / "executions" / f"{execution_id}.log"
    output.parent.mkdir(parents=True)
    output.write_text("step one\nstep two\n")
    first, second = operator.does("top", "--frames", "2", "--interval", "0.1").split("\ntest-pool ")
    assert "| step two" in first and "| step two" in second
    assert "step one" in operator.does("top", "--frames", "1", "--lines", "2")


def _cancels(operator: Operator, site: Site) -> None:
    for task, proof in (("stubborn", None), ("proof", "paid-1")):
        execution_id = site.fire(task)
        operator.sees_running(execution_id)
        if proof is not None:
            until((operator.pool.folder / "paid").exists, "the handler has proof of what it did")
        said = operator.does("cancel", execution_id[:13])
        assert said.splitlines()[-1] == "cancelled"
        outcome = site.recorded(execution_id)
        assert (outcome["status"], outcome["outcome"]["error"]) == ("failed", "cancelled by operator")
        assert outcome["outcome"]["metadata"]["_cueapi_worker"]["ending"] == "cancelled"
        assert (outcome["evidence"] or {}).get("external_id") == proof
        assert operator.command("cancel", execution_id).returncode == 4
    assert operator.command("cancel").returncode == 64


def _pauses(operator: Operator, site: Site, pool: Pool) -> None:
    assert operator.does("pause") == "paused; 1 running execution(s) go on\n"
    assert operator.does("pause").startswith("it was paused already")
    assert "PAUSED" in operator.does("status")
    assert pool.process is not None
    title = Path(f"/proc/{pool.process.pid}/cmdline")
    assert not title.exists() or b"(paused)" in title.read_bytes()
    waiting = site.fire("noop")
    steward = pool.steward()
    steward.kill()
    until(lambda: operator.ask("status")["steward"]["pid"] not in (None, steward.pid), "a new steward")
    until(lambda: operator.ask("status")["steward"]["state"] == "busy", "it works")
    assert site.get(waiting)["status"] == "pending"
    assert operator.does("resume") == "resumed\n"
    assert operator.does("resume") == "it was not paused\n"
    assert site.recorded(waiting)["status"] == "success"
    pool.send(signal.SIGTSTP)
    until(lambda: operator.ask("status")["paused"], "the signal pauses")
    pool.send(signal.SIGCONT)
    until(lambda: not operator.ask("status")["paused"], "the signal resumes")


def _scales(operator: Operator, pool: Pool) -> None:
    assert operator.does("scale", "5").startswith("5 workers, 3 before; not written")
    until(lambda: [slot["state"] for slot in operator.slots()].count("idle") == 4, "there are five")
    pool.send(signal.SIGTTOU)
    until(lambda: operator.ask("status")["workers"] == 4, "one less")
    pool.send(signal.SIGTTIN)
    until(lambda: operator.ask("status")["workers"] == 5, "one more")
    operator.does("scale", "3")
    until(lambda: len(operator.slots()) == 3, "there are three")
    assert operator.command("scale", "0").returncode == 64


def _recycles(operator: Operator, kept: str) -> None:
    before = operator.slots()
    busy = next(slot["slot"] for slot in before if slot["execution"])
    operator.does("recycle", "--all", "--no-wait")
    until(lambda: operator.ask("status")["recycling"] == [busy], "all but the busy one are recycled")
    after = operator.slots()
    assert [old["pid"] == new["pid"] for old, new in zip(before, after, strict=True)] == [
        slot == busy for slot in range(3)
    ]
    assert [(slot["recycled"], slot["recycled_for"]) for slot in after if slot["slot"] != busy] == [
        (1, "operator")
    ] * 2
    assert [slot["crashes"] for slot in after] == [0, 0, 0]
    assert after[busy]["leaving"] and kept in operator.running()
    assert operator.command("recycle", "7").returncode == 4
    assert (
        operator.command("recycle").returncode == operator.command("recycle", "1", "--all").returncode == 64
    )


def _reloads(operator: Operator, pool: Pool, go: Path) -> None:
    pool.config.write_text("workers: [\n")
    done = operator.command("reload")
    assert done.returncode == 78 and f"{pool.config}:" in done.stderr
    pool.configure({**handlers(go), "extra": "true"}, workers=2)
    assert operator.does("reload").startswith("reloaded")
    assert "extra" in operator.ask("status")["tasks"] and operator.ask("status")["workers"] == 2


def _nobody_is_there(operator: Operator) -> None:
    for arguments in (["status"], ["top"], ["cancel", "x"], ["pause"], ["scale", "2"], ["drain"]):
        done = operator.command(*arguments)
        assert (done.returncode, done.stdout) == (3, "")
        assert str(operator.pool.state_dir) in done.stderr and "cueworker-supervise" in done.stderr


def test_whoever_speaks_to_the_socket_executions_go_on_and_a_cancel_hits_no_other(tmp_path: Path) -> None:
    quick = {"nap": "sleep 0.1; echo slept"}
    with running(Pool(tmp_path, quick, workers=2)) as pool:
        site, operator = pool.site(), Operator(pool)
        fired = [site.fire("nap") for _ in range(21)]
        connections = [operator.connect() for _ in range(50)]
        for number, connection in enumerate(connections):
            # Silent ones, garbage, half a request, a megabyte, and one that asks much and reads nothing.
            talk = [
                b"",
                os.urandom(64) + b"\n",
                b'{"command": "dr',
                b"x" * (1 << 20),
                b'{"command": "status"}\n',
            ]
            connection.setblocking(False)
            try:
                connection.send(talk[number % len(talk)])
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                continue
        cancelled: set[str] = set()
        waiting = set(fired)

        def cancel_every_third() -> bool:
            for execution_id in operator.running():
                # At whatever moment of its life: some have ended by the time that their worker looks.
                if fired.index(execution_id) % 3 == 0 and execution_id not in cancelled:
                    operator.ask("cancel", execution=execution_id)
                    cancelled.add(execution_id)
            waiting.difference_update([one for one in waiting if site.get(one)["status"] in FINAL])
            return not waiting

        until(cancel_every_third, "all have ended")
        assert cancelled
        for execution_id in fired:
            found = site.recorded(execution_id)
            hit = found["outcome"]["error"] == "cancelled by operator"
            assert hit or found["outcome"]["result"] == "slept\n"
            assert not hit or execution_id in cancelled
        for connection in connections:
            connection.close()
        assert operator.ask("status")["stage"] == "running"
        assert not pool.events("control.failed") and not pool.events("slot.crashed")
        site.close()
        assert pool.stop() == 0


def test_workers_that_recycle_under_load_lose_nothing_and_count_as_no_crash(tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    effect = {"cmd": 'echo "$CUEAPI_EXECUTION_ID" >> "$EFFECTS"', "env": {"EFFECTS": str(effects)}}
    with running(Pool(tmp_path, {"effect": effect}, workers=2, max_executions=3)) as pool:
        site, operator = pool.site(), Operator(pool)
        fired = [site.fire("effect") for _ in range(24)]
        for execution_id in fired:
            assert site.recorded(execution_id)["status"] == "success"
        assert sorted(effects.read_text().split()) == sorted(fired)
        pool.wait_for_event("slot.recycled", 7)
        assert not pool.events("slot.crashed") and not pool.events("slot.refilled")
        assert {slot["recycled_for"] for slot in operator.slots()} == {"max_executions"}
        assert all(slot["executions"] < 3 for slot in operator.slots() if slot["state"] == "idle")
        site.close()
        assert pool.stop() == 0
        assert pool.leftovers() == SETTLED


def test_top_on_a_terminal_ends_with_control_c_and_control_z_pauses_the_pool(tmp_path: Path) -> None:
    terminal, its_other_end = pty.openpty()
    pool = Pool(tmp_path, {"noop": "true"})
    try:
        pool.spawn(stdin=its_other_end)
        pool.wait_until_up()
        for options in ((), ("--plain",)):
            watcher = subprocess.Popen(
                command("top", "--state-dir", str(pool.state_dir), "--interval", "0.1", *options),
                env=surroundings(tmp_path, TERM="xterm", COLUMNS="100", LINES="30"),
                stdin=its_other_end,
                stdout=its_other_end,
                stderr=its_other_end,
                start_new_session=True,
            )
            shown = b""
            while shown.count(b"test-pool (pid") < 2:
                shown += os.read(terminal, 65536)
            watcher.send_signal(signal.SIGINT)
            while watcher.poll() is None:
                os.set_blocking(terminal, False)
                try:
                    shown += os.read(terminal, 65536)
                except BlockingIOError:
                    continue
                finally:
                    os.set_blocking(terminal, True)
            assert watcher.returncode == 0 and b"Traceback" not in shown
        # What a terminal sends for ^Z. The pool is not stopped by it.
        pool.send(signal.SIGTSTP)
        until(lambda: Operator(pool).ask("status")["paused"], "the pool is paused, and answers")
        # HUP drains here; a reload is still to be had.
        assert Operator(pool).does("reload").startswith("reloaded")
    finally:
        os.close(terminal)
        os.close(its_other_end)
        end(pool)


def test_a_users_pool_obeys_its_user_and_root_and_is_found_by_its_configuration(nobodys: Path) -> None:
    pool = nobodys_pool(
        nobodys, {"noop": "true"}, state_dir="state", api_key="cue_sk_x", api_base="http://127.0.0.1:9"
    )
    try:
        pool.spawn(by=as_owner_of(nobodys))
        pool.wait_until_up()
        found = (pool.state_dir / "control.sock").stat()
        assert (found.st_uid, found.st_mode & 0o777) == (nobodys.stat().st_uid, 0o600)
        own = subprocess.run(
            [*as_owner_of(nobodys), *command("pause")],
            cwd=nobodys,
            env=surroundings(nobodys),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (own.returncode, own.stdout) == (0, "paused; 0 running execution(s) go on\n"), own.stderr
        roots = cueworker("resume", home=nobodys)
        assert (roots.returncode, roots.stdout) == (0, "resumed\n"), roots.stderr
    finally:
        end(pool)
