"""Drives the command `cueapi` against a server: `drive_cli.py URL`, with nobody logged in at first.

The login waits until somebody approves it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from click.testing import CliRunner, Result
from recording import Recording, commands

os.environ["CUEAPI_API_BASE"] = sys.argv[1] + "/v1"

from cueapi.cli import main as cueapi
from cueapi.credentials import CREDS_PATH

YEARLY = "0 0 1 1 *"
OVERRIDE = '{"task": "cli-other"}'


class Shell:
    """Types commands and tells what they print."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._runner = CliRunner()

    def ok(self, *arguments: str, keys: str | None = None) -> str:
        """A command that must succeed; `keys` is what its user types."""
        return self._run(arguments, keys, 0).output

    def fails(self, *arguments: str) -> str:
        """A command that must say that it failed."""
        return self._run(arguments, None, 1).output

    def _run(self, arguments: tuple[str, ...], keys: str | None, exit_code: int) -> Result:
        result = self._runner.invoke(cueapi, arguments, input=keys)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self._recording.step(" ".join(arguments), result.output)
        assert result.exit_code == exit_code, result.output
        return result


def match(pattern: str, text: str) -> str:
    """What a pattern's group finds in a command's output."""
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in: {text}"
    return found.group(1)


def kept() -> dict[str, Any]:
    """The profile that the client keeps on disk."""
    profile: dict[str, Any] = json.loads(CREDS_PATH.read_text())["default"]
    return profile


def drive_account(shell: Shell) -> None:
    assert "Not logged in" in shell.ok("whoami")
    assert "Authenticated as" in shell.ok("login")
    profile = kept()
    shown = shell.ok("whoami")
    assert profile["email"] in shown and profile["api_key"][-4:] in shown, shown
    used = shell.ok("usage")
    assert re.search(r"Active cues:\s+0 / [\d,]+", used) and re.search(r"Executions:\s+0 / [\d,]+", used), (
        used
    )


def drive_cues(shell: Shell) -> str:
    made = shell.ok(
        *("create", "--name", "by the CLI", "--cron", YEARLY, "--worker", "--timezone", "Europe/Berlin"),
        *("--payload", '{"task": "cli-task", "agent": "ada"}', "--description", "a description"),
        *("--on-failure", '{"email": false, "pause": true}'),
    )
    cue_id = match(r"Created: (cue_\w+)", made)
    hook = match(
        r"Created: (cue_\w+)",
        shell.ok(
            "create", "--name", "hook", "--at", "2099-01-01T00:00:00Z", "--url", "https://example.com/h"
        ),
    )
    assert "HTTP 409" in shell.fails("create", "--name", "hook", "--cron", YEARLY, "--worker")
    listed = shell.ok("list", "--limit", "2")
    assert cue_id in listed and hook in listed and "2 cues (2 active)" in listed
    assert f"Paused: {cue_id}" in shell.ok("pause", cue_id)
    assert hook not in shell.ok("list", "--status", "paused")
    assert f"Resumed: {cue_id}" in shell.ok("resume", cue_id)
    shell.ok(
        *("update", cue_id, "--name", "renamed", "--cron", "30 6 * * 1", "--description", "another"),
        *("--payload", '{"task": "cli-task", "agent": "ada", "n": 2}', "--on-failure", '{"email": true}'),
    )
    shell.ok("update", hook, "--url", "https://example.com/other")
    shown = shell.ok("get", cue_id)
    assert "renamed" in shown and "30 6 * * 1 (UTC)" in shown and "another" in shown
    assert "Deleted." in shell.ok("delete", hook, keys="y\n")
    for command in ("get", "pause", "resume", "fire"):
        assert "Cue not found" in shell.fails(command, hook)
    return cue_id


def drive_executions(shell: Shell, cue_id: str) -> None:
    fired = [
        match(r"Execution:\s+(\S+)", shell.ok("fire", cue_id, *options))
        for options in ((), ("--payload-override", OVERRIDE, "--merge-strategy", "replace"), ())
    ]
    first, other, last = fired
    claimable = shell.ok("executions", "list-claimable", "--task", "cli-task", "--agent", "ada")
    assert first in claimable and last in claimable and other not in claimable
    worker = ("--worker-id", "cli-worker")
    assert "Lease:           900s" in shell.ok("executions", "claim", first, *worker)
    assert "Not claimable" in shell.fails("executions", "claim", first, *worker)
    # Without a task it is the oldest of all, with one the oldest of that task.
    assert other in shell.ok("executions", "claim-next", *worker)
    assert last in shell.ok("executions", "claim-next", "--task", "cli-task", *worker)
    assert "No executions available" in shell.ok("executions", "claim-next", *worker)

    assert "Lease until:" in shell.ok("executions", "heartbeat", first, *worker)
    assert "does not match" in shell.fails("executions", "heartbeat", first, "--worker-id", "another")
    evidence = ("--external-id", "x-1", "--result-url", "https://example.com/1", "--summary", "well done")
    assert "Outcome recorded" in shell.ok("executions", "report-outcome", first, "--success", *evidence)
    assert "write-once" in shell.fails("executions", "report-outcome", first, "--success")
    assert "Marked:          failure" in shell.ok("executions", "report-outcome", other, "--failure")
    assert "no longer in" in shell.fails("executions", "heartbeat", first, *worker)

    listed = shell.ok("executions", "list", "--cue-id", cue_id, "--status", "success")
    assert first in listed and other not in listed
    assert "cli-worker" in shell.ok("executions", "get", last)
    assert "Execution not found" in shell.fails("executions", "get", "00000000-0000-4000-8000-000000000000")
    # Its page shows the executions, each with its status.
    assert "success" in shell.ok("get", cue_id)


def drive_keys(shell: Shell) -> None:
    before = kept()["api_key"]
    shell.ok("key", "regenerate", "--yes")
    after = kept()["api_key"]
    assert after != before
    assert kept()["email"] in shell.ok("whoami")
    assert "HTTP 401" in shell.fails("--api-key", before, "usage")
    assert "Removed credentials" in shell.ok("logout")
    assert "Not logged in" in shell.ok("usage")


def main() -> None:
    recording = Recording()
    shell = Shell(recording)
    drive_account(shell)
    cue_id = drive_cues(shell)
    drive_executions(shell, cue_id)
    recording.step("credentials", kept())
    drive_keys(shell)
    recording.end(dict(commands(cueapi, "cueapi")))


if __name__ == "__main__":
    main()
