"""`cueworker history`, `show` and `spool` on a state directory that a pool has left."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cueworker.cli.group import cueworker
from cueworker.outcome import Ending, OutcomeFile, fit, resolve
from cueworker.pool import StateDir, history
from cueworker.pool.slot_record import Phase
from cueworker.pool.spool import Spool
from cueworker.pool.spool_notes import SpoolNotes
from support.past import entry, settle
from support.records import prepared, slot_record, write_record

HOUR = 3600.0


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    return prepared(tmp_path / "state")


def command(state_dir: StateDir, *arguments: str, answer: str | None = None) -> Result:
    """Run it in this process, in an empty home folder."""
    home = state_dir.root.parent
    env = {"HOME": str(home), "XDG_STATE_HOME": None, "XDG_CONFIG_HOME": None, "CUEWORKER_CONFIG": None}
    where = ["--state-dir", str(state_dir.root)]
    return CliRunner(env=env).invoke(cueworker, [*arguments, *where], input=answer)


def ids(done: Result) -> list[str]:
    assert done.exit_code == 0, done.output
    return [json.loads(line)["execution_id"] for line in done.stdout.splitlines()]


# history


def test_history_shows_the_newest_last_and_what_each_said(state_dir: StateDir) -> None:
    settle(state_dir, entry("e-1", "backup"), age=2 * HOUR)
    settle(state_dir, entry("e-2", "publish", code=3), entry("e-3", "publish"), fate="recorded")
    settle(state_dir, entry("e-4", "publish", ending="worker_lost", code=1), fate="not ours")
    done = command(state_dir, "history")
    head, *lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert head.startswith("RECORDED (UTC) EXECUTION TASK OUTCOME TOOK SAID")
    assert [line.split(" ", 1)[1] for line in lines] == [
        "e-1 backup success 2.5 s said by e-1",
        "e-2 publish exit code 3 2.5 s said by e-2",
        "e-3 publish success 2.5 s said by e-3",
        "e-4 publish worker lost, not ours 2.5 s said by e-4",
    ]


def test_history_is_filtered(state_dir: StateDir) -> None:
    settle(state_dir, entry("e-1", "backup", code=1), age=3 * HOUR)
    settle(state_dir, entry("e-2", "publish"), age=2 * HOUR)
    settle(state_dir, entry("e-3", "backup"), age=HOUR)
    settle(state_dir, entry("e-4", "publish", code=2))
    assert ids(command(state_dir, "history", "--json")) == ["e-1", "e-2", "e-3", "e-4"]
    assert ids(command(state_dir, "history", "--json", "--task", "backup")) == ["e-1", "e-3"]
    assert ids(command(state_dir, "history", "--json", "--failed")) == ["e-1", "e-4"]
    assert ids(command(state_dir, "history", "--json", "--since", "150m")) == ["e-2", "e-3", "e-4"]
    assert ids(command(state_dir, "history", "--json", "--limit", "2")) == ["e-3", "e-4"]
    ago = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 1.5 * HOUR))
    assert ids(command(state_dir, "history", "--json", "--since", ago)) == ["e-3", "e-4"]
    utc = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1.5 * HOUR))
    assert ids(command(state_dir, "history", "--json", "--since", utc)) == ["e-3", "e-4"]
    none = command(state_dir, "history", "--task", "nothing")
    assert (none.exit_code, none.stdout) == (0, "") and "matches" in none.stderr


def test_history_goes_on_in_the_file_that_was_set_aside_and_over_bad_lines(state_dir: StateDir) -> None:
    settle(state_dir, entry("e-1"), entry("e-2"))
    state_dir.history.rename(state_dir.history.with_name("history.jsonl.1"))
    settle(state_dir, entry("e-3"))
    with state_dir.history.open("ab") as file:
        file.write(b'{"execution_id": "torn\n\xff\xfe\n[]\n{}\n')
    settle(state_dir, entry("e-4"))
    assert ids(command(state_dir, "history", "--json", "--limit", "0")) == ["e-1", "e-2", "e-3", "e-4"]
    assert ids(command(state_dir, "history", "--json", "--limit", "3")) == ["e-2", "e-3", "e-4"]


def test_history_shows_nothing_that_a_terminal_would_act_on(state_dir: StateDir) -> None:
    report = fit(resolve(Ending.exited(0), OutcomeFile({}, present=False), "\x1b[2J\x07" + "long " * 100))
    settle(state_dir, entry("e-1", report=report))
    done = command(state_dir, "history")
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 200


@pytest.mark.parametrize("since", ["soon", "-2h", "2026-13-01", ""])
def test_history_takes_no_time_that_is_none(state_dir: StateDir, since: str) -> None:
    done = command(state_dir, "history", "--since", since)
    assert done.exit_code == 64
    assert "--since" in done.stderr and "such as 90m" in done.stderr


def test_history_says_where_there_is_none(tmp_path: Path) -> None:
    done = command(StateDir(tmp_path / "nowhere"), "history")
    assert done.exit_code == 4
    assert str(tmp_path / "nowhere") in done.stderr and "--state-dir" in done.stderr


# show


def test_show_tells_all_that_is_known_of_a_settled_one(state_dir: StateDir) -> None:
    settle(state_dir, entry("7f3a-1", code=3, leased_until=1.0))
    settle(state_dir, entry("8888"))
    log = state_dir.root / "logs" / "executions" / "7f3a-1.log"
    log.parent.mkdir(parents=True)
    log.touch()
    done = command(state_dir, "show", "7f", "--offline")
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert shown[:2] == ["execution 7f3a-1", "state over: exit code 3"]
    for line in ("task report", "error said by 7f3a-1", "queued 250 ms", "seconds 2.5 s", f"output {log}"):
        assert line in shown
    found = json.loads(command(state_dir, "show", "7f3a-1", "--offline", "--json").stdout)
    assert (found["slot"], found["spool"], found["log"]) == (None, None, str(log))
    assert [line["exit_code"] for line in found["history"]] == [3]


def test_show_tells_what_runs_what_waits_and_what_was_lost(state_dir: StateDir) -> None:
    write_record(state_dir, slot=1, execution_id="lost-1")
    state_dir.slot_record(0).write_text(json.dumps(vars(slot_record(execution_id="runs-1", handler_pid=7))))
    Spool(state_dir).put(entry("waits-1", created=time.time() - HOUR))
    SpoolNotes(state_dir).failed("waits-1", "503 from a gateway", time.time() - 60, time.time() + 30)
    runs = command(state_dir, "show", "runs-1", "--offline").stdout
    assert f"{Phase.RUNNING.value} in slot 0" in runs and "pid 7" in runs
    lost = command(state_dir, "show", "lost-1", "--offline").stdout
    assert "its worker is gone" in lost
    waits = command(state_dir, "show", "waits-1", "--offline").stdout
    assert (
        "its report waits in the spool" in waits
        and "503 from a gateway" in waits
        and "said by waits-1" in waits
    )


def test_show_says_that_it_is_unknown_or_the_beginning_of_several(state_dir: StateDir) -> None:
    settle(state_dir, entry("7f3a-1"), entry("7f3a-2"))
    several = command(state_dir, "show", "7f", "--offline")
    assert several.exit_code == 64
    assert "the beginning of 2 ids" in several.stderr and "7f3a-1, 7f3a-2" in several.stderr
    unknown = command(state_dir, "show", "9999")
    assert (unknown.exit_code, unknown.stdout) == (4, "")
    assert "no execution '9999'" in unknown.stderr and "not asked: no API key" in unknown.stderr


# spool


def test_spool_list_shows_age_attempts_refusal_and_the_next_try(state_dir: StateDir) -> None:
    empty = command(state_dir, "spool", "list")
    assert (empty.exit_code, empty.stdout) == (0, "") and "no report waits" in empty.stderr
    Spool(state_dir).put(entry("e-2", "publish", code=1))
    Spool(state_dir).put(entry("e-1", created=time.time() - 3 * HOUR))
    (state_dir.spool / "e-3.json").write_text("torn")
    (state_dir.spool / "e-4.unreadable").write_text("torn")
    notes = SpoolNotes(state_dir)
    for number in range(2):
        notes.failed("e-1", f"refused {number}", time.time(), time.time() + 90)
    lines = [" ".join(line.split()) for line in command(state_dir, "spool", "list").stdout.splitlines()]
    assert lines[0] == "EXECUTION TASK OUTCOME AGE TRIES NEXT TRY LAST REFUSAL"
    assert "e-1 report success 3.0 h 2 no pool refused 1" in lines
    assert any(line.startswith("e-2 publish exited ") for line in lines)
    assert any(line.startswith("e-3 unreadable: ") for line in lines)
    assert "e-4 unreadable: set aside as e-4.unreadable" in lines
    found = command(state_dir, "spool", "list", "--json").stdout.splitlines()
    (first,) = [facts for facts in map(json.loads, found) if facts["execution_id"] == "e-1"]
    assert (first["attempts"], first["refusal"], first["report"]["success"]) == (2, "refused 1", True)


def test_spool_drop_asks_keeps_the_report_and_tells_history(state_dir: StateDir) -> None:
    Spool(state_dir).put(entry("e-1"))
    SpoolNotes(state_dir).failed("e-1", "refused", time.time(), time.time())
    refused = command(state_dir, "spool", "drop", "e-1", answer="n\n")
    assert refused.exit_code == 1 and Spool(state_dir).has("e-1")
    assert "may hand the execution out again" in refused.stderr
    assert command(state_dir, "spool", "drop", "e-1", answer="y\n").exit_code == 0
    assert os.listdir(state_dir.spool) == ["dropped"] and os.listdir(notes_of(state_dir)) == []
    kept = state_dir.spool / "dropped" / "e-1.json"
    assert Spool.read(kept) is not None
    assert [line["fate"] for line in history.newest_first(state_dir.history)] == ["dropped"]
    gone = command(state_dir, "spool", "drop", "e-1", "--yes")
    assert gone.exit_code == 4 and "no report of 'e-1' waits" in gone.stderr


def test_spool_drop_takes_one_that_cannot_be_read(state_dir: StateDir) -> None:
    (state_dir.spool / "e-1.json").write_text("torn")
    assert command(state_dir, "spool", "drop", "e-1", "--yes").exit_code == 0
    assert (state_dir.spool / "dropped" / "e-1.json").read_text() == "torn"


def test_spool_drop_leaves_a_living_workers_report_alone(state_dir: StateDir) -> None:
    Spool(state_dir).put(entry("e-1"))
    state_dir.slot_record(0).write_text(json.dumps(vars(slot_record(execution_id="e-1"))))
    done = command(state_dir, "spool", "drop", "e-1", "--yes")
    assert done.exit_code == 1 and "is sending it just now" in done.stderr
    assert Spool(state_dir).has("e-1")


@pytest.fixture
def held(state_dir: StateDir) -> Iterator[None]:
    """The state directory is a running pool's."""
    lock = state_dir.lock(wait=0)
    assert lock is not None
    yield
    os.close(lock)


def test_spool_retry_without_a_pool_says_so_and_leaves_nothing_behind(state_dir: StateDir) -> None:
    Spool(state_dir).put(entry("e-1"))
    done = command(state_dir, "spool", "retry", "e-1")
    assert done.exit_code == 3 and "no pool runs" in done.stderr
    assert not notes_of(state_dir).exists()


@pytest.mark.usefixtures("held")
def test_spool_retry_leaves_a_wish_that_the_courier_takes_once(state_dir: StateDir) -> None:
    for name in ("e-1", "e-2", "of/another kind"):
        Spool(state_dir).put(entry(name))
    assert command(state_dir, "spool", "retry", "e-1", "--timeout", "0").exit_code == 0
    notes = SpoolNotes(state_dir)
    assert notes.is_asked("e-1") and not notes.is_asked("e-2")
    late = command(state_dir, "spool", "retry", "--all", "--timeout", "0.1")
    assert late.exit_code == 1 and late.stdout.count("not tried yet") == 3
    assert notes.take_wishes() == {path.name for path in Spool(state_dir).paths()}
    assert notes.take_wishes() == set()


@pytest.mark.parametrize("arguments", [[], ["e-1", "--all"]])
def test_spool_retry_is_for_one_or_all(state_dir: StateDir, arguments: list[str]) -> None:
    done = command(state_dir, "spool", "retry", *arguments)
    assert done.exit_code == 64 and "EXECUTION, or --all" in done.stderr


def test_notes_whose_entry_has_gone_are_removed(state_dir: StateDir) -> None:
    notes = SpoolNotes(state_dir)
    Spool(state_dir).put(entry("e-1"))
    for name in ("e-1", "e-2"):
        notes.failed(name, "refused", 1.0, 2.0)
        notes.ask(name)
    notes.forget_strays()
    assert sorted(os.listdir(notes_of(state_dir))) == ["e-1.now", "e-1.tried"]
    notes.forget("e-1")
    assert os.listdir(notes_of(state_dir)) == []


def notes_of(state_dir: StateDir) -> Path:
    return state_dir.root / "spool-notes"
