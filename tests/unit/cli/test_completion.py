"""Shell completion: scripts for three shells; subcommands, tasks and executions where they are asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.shell_completion import CompletionItem, ShellComplete
from click.testing import CliRunner
from cueworker.cli.completing import running_ids
from cueworker.cli.group import cueworker as cli
from cueworker.pool.spool import Spool
from support.cli import command, surroundings
from support.past import entry, settle
from support.records import prepared, slot_record


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_takes(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0 and "_CUEWORKER_COMPLETE" in done.stdout
    found = shutil.which(shell)
    if found is not None:
        subprocess.run([found, "-n"], input=done.stdout, text=True, check=True)


def completed(*words: str) -> list[str]:
    """What is offered for the last of `words`."""
    *before, incomplete = words
    found = ShellComplete(cli, {}, "cueworker", "_CUEWORKER_COMPLETE").get_completions(before, incomplete)
    return [item.value for item in found]


def test_subcommands_tasks_and_executions_are_completed(tmp_path: Path) -> None:
    state_dir = prepared(tmp_path / "state")
    config = tmp_path / "cueworker.yaml"
    config.write_text(json.dumps({"handlers": {"greet": "echo", "report": "echo", "refused": "echo"}}))
    settle(state_dir, entry("7f-settled"))
    Spool(state_dir).put(entry("7f-waits"))
    state_dir.slot_record(0).write_text(json.dumps(vars(slot_record(execution_id="7f-runs"))))
    assert completed("sp") == ["spool"]
    assert completed("s") == ["start", "status", "scale", "show", "spool", "serve"]
    assert completed("spool", "") == ["drop", "list", "retry"]
    assert completed("run", "--config", str(config), "re") == ["refused", "report"]
    where = ("--state-dir", str(state_dir.root))
    assert completed("show", *where, "7f") == ["7f-runs", "7f-waits", "7f-settled"]
    assert completed("spool", "drop", *where, "") == ["7f-waits"]
    context = click.Context(click.Command("cancel"))
    context.params = {"state_dir": state_dir.root}
    parameter = click.Argument(["execution"])
    assert [item.value for item in running_ids(context, parameter, "")] == ["7f-runs"]
    assert isinstance(running_ids(context, parameter, "")[0], CompletionItem)


@pytest.mark.parametrize("content", [None, "workers: [", "handlers: {}"])
def test_nothing_is_offered_where_nothing_can_be_read(tmp_path: Path, content: str | None) -> None:
    config = tmp_path / "cueworker.yaml"
    if content is not None:
        config.write_text(content)
    assert completed("run", "--config", str(config), "") == []
    assert completed("show", "--config", str(config), "7f") == []


def test_the_installed_command_answers_a_shell(tmp_path: Path) -> None:
    env = surroundings(
        tmp_path, _CUEWORKER_COMPLETE="bash_complete", COMP_WORDS="cueworker do", COMP_CWORD="1"
    )
    done = subprocess.run(command(), env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "plain,doctor\n"
