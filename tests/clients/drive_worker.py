"""Drives the package `cueapi-worker` against a server: `drive_worker.py URL KEY TAKEN_EMAIL`.

Three of its logins wait until somebody approves them; TAKEN_EMAIL has an account on the server.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml
from cueapi_worker import recovery
from cueapi_worker.cli import main as command
from cueapi_worker.client import AuthenticationError, WorkerAPIClient
from recording import Recording, commands, methods, raises

WITHIN = 30.0
FINAL = ("success", "failed")

OUTCOME = """\
import json, os, sys
payload = json.loads(os.environ["CUEAPI_PAYLOAD"])
with open(os.environ["CUEAPI_OUTCOME_FILE"], "w") as file:
    json.dump(payload["outcome"], file)
print("printed by", os.environ["CUEAPI_WORKER_ID"], os.environ["CUEAPI_CUE_NAME"])
sys.exit(payload.get("exit", 0))
"""


class Account:
    """What the worker has no call for: making cues and firing them, and looking."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"})

    def fire(self, task: str, mode: str = "none", **payload: Any) -> str:
        """The id of an execution of the task, of a cue of its own."""
        cue = {
            "name": f"{task} {time.monotonic_ns()}",
            "transport": "worker",
            "schedule": {"type": "once", "at": "2099-01-01T00:00:00Z"},
            "payload": {"task": task, **payload},
            "verification": {"mode": mode},
        }
        cue_id = self.ask("POST", "/v1/cues", cue)["id"]
        return str(self.ask("POST", f"/v1/cues/{cue_id}/fire")["id"])

    def ended(self, execution_id: str) -> dict[str, Any]:
        """The execution once it has ended."""
        found: dict[str, Any] = until(lambda: self._ended(execution_id), f"{execution_id} has ended")
        return found

    def _ended(self, execution_id: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self.ask("GET", f"/v1/executions/{execution_id}")
        return found if found["status"] in FINAL else None

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be a success."""
        answer = self._http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()


class Typed:
    """`cueapi-worker` as a process."""

    def __init__(self, recording: Recording, *arguments: str) -> None:
        self._recording = recording
        self._command = arguments[0]
        self._process = subprocess.Popen(
            ["cueapi-worker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self, exit_code: int = 0) -> str:
        """What it printed, when it has ended."""
        out, _ = self._process.communicate(timeout=WITHIN)
        assert self._process.returncode == exit_code, out
        self._recording.more.add(f"cueapi-worker {self._command}")
        return out

    def terminate(self) -> str:
        """End it as an operator does."""
        self._process.send_signal(signal.SIGTERM)
        return self.end()

    def kill(self) -> None:
        """Make sure that it is gone."""
        self._process.kill()
        self._process.wait()


def until(probe: Callable[[], Any], what: str) -> Any:
    """The first true value of the probe."""
    give_up = time.monotonic() + WITHIN
    while not (value := probe()):
        assert time.monotonic() < give_up, what
        time.sleep(0.02)
    return value


def configure(path: Path, **settings: Any) -> str:
    """Write a worker's configuration; returns its path."""
    program = path.with_suffix(".py")
    program.write_text(OUTCOME)
    reporting = shlex.join([sys.executable, str(program)])
    handlers = {
        "prints": "echo hello; echo aside >&2",
        "fails": "echo broken; exit 3",
        "reports": {"cmd": reporting, "timeout": 20},
        "slow": {"cmd": "exec sleep 30", "timeout": 1},
    }
    path.write_text(yaml.safe_dump({"poll_interval": 0.1, "handlers": handlers, **settings}))
    return str(path)


def key_in(path: str) -> str:
    """The key in a configuration, empty while there is none."""
    return str(yaml.safe_load(Path(path).read_text()).get("api_key") or "")


def drive_daemon(recording: Recording, account: Account) -> None:
    """Work of every kind, while the daemon runs."""
    proof = {
        "external_id": "order-7",
        "result_url": "https://example.com/7",
        "summary": "sent",
        "metadata": {"a": 1},
    }
    fired = {
        "prints": account.fire("prints"),
        "fails": account.fire("fails"),
        "slow": account.fire("slow"),
        "evidence": account.fire("reports", "require_external_id", outcome={"success": True, **proof}),
        "file wins": account.fire("reports", outcome={"success": False, "error": "no stock"}),
        "exit wins": account.fire("reports", outcome={"success": True, **proof}, exit=4),
        "no evidence": account.fire("reports", "require_result_url", outcome={"result": "done"}),
        "dropped": account.fire("reports", outcome={"summary": 7, "unknown": 1}),
    }
    ended = {name: account.ended(execution_id) for name, execution_id in fired.items()}
    recording.step("ended", ended)
    states = {name: (found["status"], found["outcome_state"]) for name, found in ended.items()}
    assert states == {
        "prints": ("success", "reported_success"),
        "fails": ("failed", "reported_failure"),
        "slow": ("failed", "reported_failure"),
        "evidence": ("success", "verified_success"),
        "file wins": ("failed", "reported_failure"),
        "exit wins": ("failed", "reported_failure"),
        "no evidence": ("success", "verification_failed"),
        "dropped": ("success", "reported_success"),
    }, states
    outcomes = {name: found["outcome"] for name, found in ended.items()}
    assert outcomes["prints"]["result"] == "hello\n\n--- stderr ---\naside\n"
    assert outcomes["fails"]["error"] == "broken\n"
    assert outcomes["slow"]["error"] == "Handler timeout exceeded (1s)"
    assert outcomes["file wins"]["error"] == "no stock"
    assert outcomes["evidence"]["metadata"] == {"a": 1}
    assert ended["exit wins"]["evidence"]["external_id"] == "order-7"
    assert sorted(outcomes["dropped"]["metadata"]["_cueapi_worker"]["outcome_file_dropped_fields"]) == [
        "summary",
        "unknown",
    ]
    (worker,) = account.ask("GET", "/v1/workers")["workers"]
    assert worker["heartbeat_status"] == "active" and "reports" in worker["handlers"]


def drive_client(recording: Recording, account: Account, url: str, key: str) -> None:
    client = WorkerAPIClient(key, url)
    assert client.heartbeat("by hand", ["alone"]) is True
    execution_id = account.fire("alone", "require_artifacts")
    (row,) = client.get_claimable("alone")
    recording.step("claimable", row)
    assert row["execution_id"] == execution_id and client.get_claimable("nothing") == []
    claim = client.claim(execution_id, "by hand")
    assert claim is not None and claim["lease_seconds"] == 900
    assert client.claim(execution_id, "by hand") is None
    whole: dict[str, Any] = {
        "result": "done",
        "metadata": {"k": "v"},
        "external_id": "order-8",
        "result_url": "https://example.com/8",
        "result_ref": "ref",
        "result_type": "order",
        "summary": "all of it",
        "artifacts": [{"name": "log"}],
    }
    assert client.report_outcome(execution_id, True, **whole) is True
    assert client.report_outcome(execution_id, True) is False
    found = account.ended(execution_id)
    assert found["outcome_state"] == "verified_success" and found["evidence"]["result_ref"] == "ref"
    refused = raises(AuthenticationError, WorkerAPIClient("cue_sk_" + "0" * 32, url).get_claimable)
    assert refused.error_code == "invalid_api_key"


def drive_keys(recording: Recording, url: str, config: str) -> None:
    before = key_in(config)
    assert "Worker config updated" in Typed(recording, "regenerate-key", "-c", config).end()
    after = key_in(config)
    assert after != before
    # An old key is known by its code.
    refused = raises(AuthenticationError, WorkerAPIClient(before, url).heartbeat, "by hand")
    assert refused.error_code == "key_rotated"
    assert "connected and authenticated" in Typed(recording, "status", "-c", config).end()
    recording.step("regenerated", after)


def main(url: str, key: str, taken: str) -> None:
    recording = Recording()
    home = Path.home()
    config = configure(home / "worker.yaml", api_base=url, api_key=key, worker_id="official")
    lost = configure(
        home / "lost.yaml",
        api_base=url,
        api_key="cue_sk_" + "1" * 32,
        worker_id="lost",
        email="lost@example.com",
    )
    fresh = configure(home / "fresh.yaml", api_base=url)
    known = configure(home / "known.yaml", api_base=url)
    account = Account(url, key)
    typed = {
        "daemon": Typed(recording, "start", "-c", config),
        "recovering": Typed(recording, "start", "-c", lost),
        "fresh": Typed(recording, "login", "--email", "fresh@example.com", "-c", fresh),
        "known": Typed(recording, "login", "--email", taken, "-c", known),
    }
    try:
        drive_daemon(recording, account)
        recording.step("daemon", typed["daemon"].terminate())
        drive_client(recording, account, url, key)
        drive_keys(recording, url, config)

        assert "Key saved to config" in recording.step("fresh", typed["fresh"].end())
        assert Account(url, key_in(fresh)).ask("GET", "/v1/workers")["workers"]
        assert "existing account" in recording.step("known", typed["known"].end())
        assert key_in(known) == ""
        until(lambda: not key_in(lost).endswith("1" * 32), "the lost worker has its new key")
        recovered = Account(url, key_in(lost))
        assert recovered.ended(recovered.fire("prints"))["status"] == "success"
        assert "Key recovered" in recording.step("recovering", typed["recovering"].terminate())
        recording.more.add(recovery.attempt_key_recovery.__name__)
    finally:
        for process in typed.values():
            process.kill()
    public = dict(methods(WorkerAPIClient)) | dict(commands(command, "cueapi-worker"))
    recording.end(public | {recovery.attempt_key_recovery.__name__: recovery.attempt_key_recovery})


if __name__ == "__main__":
    main(*sys.argv[1:])
