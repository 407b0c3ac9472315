"""`cueworker run`: the handler as a worker would run it, judged field by field, and nothing of it left."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result
from cueworker.cli.group import cueworker as cli
from support.cli import WITHIN, Done, command, cueworker, surroundings
from support.waiting import PATIENCE, until

KEY = "cue_sk_" + "0123456789abcdef" * 2

WAITS = "echo $$ > pid; setsid sh -c 'trap \"\" TERM; echo $$ > escaped; sleep 600' & {trap} sleep 600 & wait; wait"

HANDLERS: dict[str, Any] = {
    "publish": {
        "cmd": 'printf %s "$OUTCOME" > "$CUEAPI_OUTCOME_FILE"; echo "to {{ payload.to }}"; echo oops >&2; exit $CODE',
        "env": {
            "OUTCOME": "{{ payload.outcome }}",
            "CODE": "{{ payload.code }}",
            "DEPLOY_TOKEN": "hush-hush",
        },
        "cwd": "{{ payload.cwd }}",
    },
    "waits": WAITS.format(trap=""),
    "stubborn": WAITS.format(trap="trap '' TERM;"),
    "slow": {"cmd": WAITS.format(trap=""), "timeout": 0.3},
    "leaves": "setsid sleep 600 > /dev/null 2>&1 & echo done",
    "litters": """set -- "$TMPDIR"/cueworker-run-*
        mkdir "$(dirname "$CUEAPI_OUTCOME_FILE")/more"; touch "$1/beside"
        mv "$1" "$TMPDIR/moved"; ln -s "$TMPDIR/moved" "$1\"""",
    "key": 'printf %s "${CUEAPI_API_KEY-none}" > key',
    "bad": "eval echo {{ payload.x }}",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a configuration, which is its own home folder."""
    configure(tmp_path, kill_grace=0.3)
    return tmp_path


def configure(home: Path, kill_grace: float) -> None:
    config = home / "cueworker.yaml"
    config.touch(mode=0o600)
    config.write_text(json.dumps({"worker_id": "here", "kill_grace": kill_grace, "handlers": HANDLERS}))


def publish(home: Path, outcome: Any, *options: str, code: int = 0) -> Done:
    payload = json.dumps({"to": "Ada", "outcome": outcome, "code": code, "cwd": str(home)})
    return cueworker("run", "publish", "--payload", payload, *options, home=home)


def test_a_person_sees_command_environment_output_verdict_report_and_modes(home: Path) -> None:
    done = publish(
        home, {"external_id": "post-42", "summary": "x" * 501, "nonsense": 1}, "--cue-name", "daily"
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "oops")
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for line in (
        "task publish",
        'echo "to ${CUEWORKER_T1}"; ',
        "$CUEWORKER_T1 = {{ payload.to }} = 'Ada'",
        f"cwd {home}",
        "timeout 300 s, then 0.3 s between TERM and KILL",
        "CUEAPI_CUE_NAME=daily",
        "DEPLOY_TOKEN=[redacted]",
        "to Ada",
        "ending exited with code 0, ",
        "external_id kept",
        "summary dropped: has 501 characters, at most 500 count",
        "nonsense dropped: is not a field of the outcome file",
        '"external_id": "post-42",',
        "none reported_success",
        "require_external_id verified_success",
        "require_artifacts verification_failed (required evidence is missing: artifacts)",
        "manual verification_pending",
        "verdict success",
    ):
        assert any(line in each for each in shown), line
    assert "hush-hush" not in done.stdout + done.stderr
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("cueworker-run-*/outcomes/*/*post-42*"))


def test_a_program_gets_one_object_and_the_output_beside_it(home: Path) -> None:
    done = publish(home, {"success": True, "error": "e", "result_ref": "r" * 300}, "--json", code=3)
    found = json.loads(done.stdout)
    assert done.returncode == 1 and "to Ada\noops\n" in done.stderr
    assert (found["ending"], found["exit_code"], found["success"]) == ("exited", 3, False)
    fates = {field["field"]: (field["fate"], field["why"]) for field in found["outcome_file"]["fields"]}
    assert fates == {
        "success": ("dropped", "nothing makes a success of this ending"),
        "error": ("kept", None),
        "result_ref": ("clipped", "300 characters, of which the server takes 255"),
    }
    assert found["report"]["error"] == "e" and len(found["report"]["result_ref"]) == 255
    assert {mode["outcome_state"] for mode in found["verification"].values()} == {"reported_failure"}
    assert found["env"]["DEPLOY_TOKEN"] == "[redacted]"


def test_a_dry_run_shows_it_and_starts_nothing(home: Path) -> None:
    done = in_this_process(home, "key", "--dry-run")
    assert (done.exit_code, (home / "key").exists()) == (0, False)
    assert 'printf %s "${CUEAPI_API_KEY-none}" > key' in done.stdout and "verdict" not in done.stdout
    assert "no API key" in done.stderr and "CUEAPI_API_KEY=" not in done.stdout
    found = json.loads(in_this_process(home, "key", "--dry-run", "--json").stdout)
    assert found["argv"][:2] == ["/bin/sh", "-c"] and "CUEAPI_API_KEY" not in found["env"]


def test_the_handler_gets_the_key_that_is_configured_and_it_is_not_shown(home: Path) -> None:
    given = cueworker("run", "key", home=home, CUEAPI_API_KEY=KEY)
    assert (given.returncode, (home / "key").read_text(), given.stderr) == (0, KEY, "")
    assert KEY not in given.stdout and "CUEAPI_API_KEY=[redacted]" not in given.stdout, (
        "it is inherited as it is"
    )


def test_a_timeout_leaves_nothing(home: Path) -> None:
    slow = cueworker("run", "slow", "--json", home=home)
    assert (slow.returncode, json.loads(slow.stdout)["ending"]) == (1, "timed_out")
    assert_gone(home)


def test_it_leaves_the_folder_for_temporary_files_as_it_was(home: Path) -> None:
    temporary = home / "temporary"
    temporary.mkdir()
    temporary.chmod(0o755)
    assert cueworker("run", "litters", home=home, TMPDIR=str(temporary)).returncode == 0
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o755
    assert (temporary / "moved").is_dir(), "nothing is removed through a link"
    assert [path.name for path in temporary.iterdir() if not path.is_symlink()] == ["moved"]


@pytest.mark.parametrize(
    ("task", "kill_grace", "signals"),
    [
        ("waits", 0.3, [signal.SIGINT]),
        # A second one does not wait for the grace.
        ("stubborn", 60, [signal.SIGTERM, signal.SIGINT]),
    ],
)
def test_a_signal_ends_it_by_the_kill_ladder(
    home: Path, task: str, kill_grace: float, signals: list[signal.Signals]
) -> None:
    configure(home, kill_grace)
    process = started(home, task)
    for signum in signals:
        process.send_signal(signum)
    began = time.monotonic()
    output, _ = process.communicate(timeout=WITHIN)
    assert time.monotonic() - began < PATIENCE
    assert (process.returncode, json.loads(output)["ending"]) == (1, "shut_down")
    assert_gone(home)


def test_who_kills_the_command_or_its_worker_kills_the_handler(home: Path) -> None:
    process = started(home, "stubborn")
    process.kill()
    process.communicate(timeout=WITHIN)
    until(lambda: not alive(home, "pid") and not alive(home, "escaped"), "the handler is gone", within=3)
    process = started(home, "stubborn")
    (worker,) = psutil.Process(process.pid).children()
    worker.kill()
    output, _ = process.communicate(timeout=WITHIN)
    found = json.loads(output)
    assert (process.returncode, found["ending"], found["detail"]) == (1, "worker_lost", "signal 9")
    assert_gone(home)


def test_other_children_of_the_caller_are_left_alone(home: Path) -> None:
    line = " ".join(f"'{part}'" for part in command("run", "leaves"))
    script = f"sleep 600 > /dev/null 2>&1 & echo $! > bystander; exec {line}"
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=home,
        env=surroundings(home),
        capture_output=True,
        timeout=WITHIN,
        check=False,
    )
    bystander = psutil.Process(int((home / "bystander").read_text()))
    try:
        assert done.returncode == 0 and bystander.is_running()
    finally:
        bystander.kill()
        bystander.wait(PATIENCE)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["publsh"], 64, "Did you mean publish? Its handlers: key, leaves, litters, publish"),
        (["key", "--payload", "[1]"], 64, "must be a JSON object"),
        ([], 64, "Missing argument 'TASK'"),
        (["bad"], 78, "handler 'bad' is refused"),
        (["key", "--config", "/nonexistent/nowhere.yaml"], 78, "nowhere.yaml"),
    ],
)
def test_what_cannot_be_run_is_told(home: Path, arguments: list[str], code: int, said: str) -> None:
    done = in_this_process(home, *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr and "Traceback" not in done.stderr


def in_this_process(home: Path, *arguments: str) -> Result:
    """For what starts no handler."""
    env = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": None,
        "CUEAPI_API_KEY": None,
        "CUEWORKER_CONFIG": str(home / "cueworker.yaml"),
    }
    return CliRunner(env=env).invoke(cli, ["run", *arguments])


def started(home: Path, task: str) -> subprocess.Popen[str]:
    """The command, once its handler and a process that got away from it run."""
    for name in ("pid", "escaped"):
        (home / name).unlink(missing_ok=True)
    process = subprocess.Popen(
        command("run", task, "--json"),
        cwd=home,
        env=surroundings(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    until(lambda: wrote(home / "pid") and wrote(home / "escaped"), f"{task} runs")
    return process


def wrote(file: Path) -> bool:
    return file.exists() and file.read_text().endswith("\n")


def alive(home: Path, name: str) -> bool:
    try:
        return psutil.Process(int((home / name).read_text())).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_gone(home: Path) -> None:
    assert not alive(home, "pid") and not alive(home, "escaped")
