"""A person's hand on a running pool's spool: what waits and why, tried now, given up; and what `show` makes of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from click.testing import CliRunner, Result
from cueworker.cli.group import cueworker
from cueworker.pool import StateDir
from cueworker.pool.spool_notes import SpoolNotes
from support.faults import Answer, Request, refusal
from support.stage import Stage, staged
from support.waiting import until


def command(stage: Stage, *arguments: str) -> Result:
    where = ("--config", str(stage.pool.config), "--state-dir", str(stage.pool.state_dir))
    return CliRunner().invoke(cueworker, [*arguments, *where])


def test_waiting_reports_are_shown_tried_and_dropped(tmp_path: Path) -> None:
    with staged(tmp_path, {"quick": "echo done"}) as stage:
        notes = SpoolNotes(StateDir(stage.pool.state_dir))
        # Two minutes: longer than anything here, so that what goes on before goes on because it was asked to.
        stage.proxy.rule = _no_outcome
        first = stage.site.fire("quick")
        until(lambda: notes.tried(first), "the courier has been refused")

        listed = json.loads(command(stage, "spool", "list", "--json").stdout)
        assert listed["execution_id"] == first and "the test says 503" in listed["refusal"]
        assert listed["next_at"] > time.time() + 60 and listed["attempts"] >= 1

        refused = command(stage, "spool", "retry", first[:8])
        assert refused.exit_code == 1 and "refused: 503" in refused.stdout
        shown = json.loads(command(stage, "show", first[:8], "--json").stdout)
        assert shown["spool"]["attempts"] > listed["attempts"]
        assert shown["server"]["status"] == "delivering"

        stage.proxy.clear()
        assert command(stage, "spool", "retry", "--all").stdout == f"{first}: recorded\n"
        assert stage.site.get(first)["status"] == "success"
        stage.wait_until_settled()
        until(lambda: notes.tried(first) is None, "the courier has forgotten it")
        (line,) = stage.history(first)
        assert line["waited"] > 0 and line["result"] == "done" and line["slot"] in (0, 1)
        assert 0 <= line["queued"] <= line["started"]

        stage.proxy.rule = _no_outcome
        second = stage.site.fire("quick")
        until(lambda: notes.tried(second), "the courier has been refused")
        assert command(stage, "spool", "drop", second, "--yes").exit_code == 0
        stage.proxy.clear()
        third = stage.site.fire("quick")
        assert stage.site.recorded(third)["status"] == "success"
        assert stage.site.get(second)["status"] == "delivering"
        until(lambda: stage.pool.leftovers()["spool"] == ["dropped"], "the worker has cleared the third")


def _no_outcome(request: Request) -> Answer | None:
    return refusal(503, {"Retry-After": "120"}) if request.action == "outcome" else None
