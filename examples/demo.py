"""The main job on one screen: a local server, a pool of 4 workers, and sample executions with their outcomes.

`make run` runs it. On a terminal the pool goes on until Ctrl-C; with RUN_ONCE=1, or when the output is no terminal, it
ends after the samples, with exit code 0 only if each was recorded as it should be.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cueworker.client import CueAPI
from cueworker.local import LocalServer, discover

HERE = Path(__file__).resolve().parent
STATE = HERE.parent / ".run" / "state"
CONFIG = HERE / "cueworker.yaml"
READY_WITHIN = 60.0
DONE_WITHIN = 60.0
STOPPED_WITHIN = 60.0

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """An execution and what must be recorded of it."""

    title: str
    payload: dict[str, Any]
    status: str
    holds: Callable[[Outcome], bool]
    scheduled: bool = False
    verification: str | None = None
    shown: list[str] = field(default_factory=list)


SAMPLES = (
    Sample(
        "a success",
        {"task": "greet", "name": 'Ada"; touch pwned #'},
        "success",
        lambda found: found["outcome"]["result"] == 'hello, Ada"; touch pwned #\n',
    ),
    Sample(
        "a success with evidence",
        {"task": "publish", "post": 42},
        "success",
        lambda found: found["outcome_state"] == "verified_success" and "post-42" in str(found["evidence"]),
        verification="require_external_id",
    ),
    Sample(
        "a failure",
        {"task": "fail"},
        "failed",
        lambda found: "the disk is full" in found["outcome"]["error"],
    ),
    Sample(
        "a failure in spite of exit code 0",
        {"task": "refused"},
        "failed",
        lambda found: found["outcome"]["error"] == "the service answered 503",
    ),
    Sample(
        "a timeout",
        {"task": "hang"},
        "failed",
        lambda found: "Handler timeout exceeded (1s)" in found["outcome"]["error"],
    ),
    Sample(
        "a one-time cue, scheduled in 2 s",
        {"task": "count", "a": 40, "b": 2},
        "success",
        lambda found: found["outcome"]["result"] == "42\n",
        scheduled=True,
    ),
)


def main() -> int:
    """Run the samples; returns the exit code."""
    stays = sys.stdout.isatty() and os.environ.get("RUN_ONCE") != "1"
    shutil.rmtree(STATE.parent, ignore_errors=True)
    with pool() as supervisor:
        server = wait_for_server(supervisor)
        with CueAPI(server.api_key, base_url=server.url) as api:
            wrong = watch(api, create(api))
        say("")
        say(
            f"{len(SAMPLES) - wrong} of {len(SAMPLES)} samples recorded as they should be"
            + (" - WRONG" if wrong else "")
        )
        next_steps(server, stays)
        if stays:
            # Ctrl-C reaches the pool as well, which drains; there is nothing to do here but to see it off.
            signal.signal(signal.SIGINT, lambda *_: None)
            supervisor.wait()
    return 1 if wrong or supervisor.returncode else 0


@contextlib.contextmanager
def pool() -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor with 4 workers and the local server; drained at the end."""
    command = [sys.executable, "-P", "-m", "cueworker.supervisor", "--local", "--workers", "4"]
    say("$ cueworker-supervise --local --workers 4 --config examples/cueworker.yaml --state-dir .run/state")
    process = subprocess.Popen([*command, "--config", str(CONFIG), "--state-dir", str(STATE)])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(STOPPED_WITHIN)


def wait_for_server(supervisor: subprocess.Popen[bytes]) -> LocalServer:
    """The pool's local server as soon as it listens."""
    give_up = time.monotonic() + READY_WITHIN
    while (server := discover(STATE / "local")) is None:
        if supervisor.poll() is not None or time.monotonic() > give_up:
            sys.exit("the pool did not start; its reason is above")
        time.sleep(0.05)
    return server


def create(api: CueAPI) -> dict[str, Sample]:
    """One cue for each sample; returns them by cue id."""
    cues = {}
    for sample in SAMPLES:
        at = datetime.now(UTC) + (timedelta(seconds=2) if sample.scheduled else timedelta(days=365))
        verification = None if sample.verification is None else {"mode": sample.verification}
        cue = api.cues.create(sample.title, at=at, payload=sample.payload, verification=verification)
        if not sample.scheduled:
            api.cues.fire(cue["id"])
        cues[cue["id"]] = sample
    return cues


def watch(api: CueAPI, cues: dict[str, Sample]) -> int:
    """Print each outcome when it is recorded; returns how many are not as they should be."""
    waiting, wrong = dict(cues), 0
    give_up = time.monotonic() + DONE_WITHIN
    while waiting and time.monotonic() < give_up:
        for cue_id, sample in list(waiting.items()):
            for execution in api.executions.list(cue_id=cue_id)["executions"]:
                found = api.executions.get(execution["id"])
                if found["status"] not in ("pending", "delivering", "retrying", "retry_ready"):
                    wrong += not show(sample, found)
                    del waiting[cue_id]
        time.sleep(0.05)
    for sample in waiting.values():
        say(f"  {sample.title}: NOT RECORDED within {DONE_WITHIN:g} s")
    return wrong + len(waiting)


def show(sample: Sample, found: Outcome) -> bool:
    """Print one outcome; returns whether it is as it should be."""
    good = found["status"] == sample.status and sample.holds(found)
    outcome = found["outcome"] or {}
    text = str(outcome.get("result") or outcome.get("error") or "").strip().replace("\n", " | ")
    say("")
    say(f"  {'ok   ' if good else 'WRONG'} {sample.title}: {found['status']} ({found['outcome_state']})")
    say(f"        {text}")
    for name, value in (found.get("evidence") or {}).items():
        if value and name in ("external_id", "result_url"):
            say(f"        {name}: {value}")
    return good


def next_steps(server: LocalServer, stays: bool) -> None:
    """What to type next."""
    say("")
    if stays:
        say("The pool goes on; Ctrl-C stops it. Try in another terminal:")
    else:
        say("Start a pool of your own, then try in another terminal:")
        say("  .venv/bin/cueworker-supervise --local --config examples/cueworker.yaml --state-dir .run/state")
    say('  .venv/bin/cueworker enqueue greet --payload \'{"name": "you"}\' --wait --state-dir .run/state \\')
    say("      --config examples/cueworker.yaml")
    say(f'  curl -H "Authorization: Bearer $(cat .run/state/local/api_key)" {server.url}/v1/executions')
    say("  .venv/bin/cueworker check --config examples/cueworker.yaml --local")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
