"""`cueworker enqueue` against a real pool: executions, outcomes, exit codes, and clear words without a server."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cli import WITHIN, Done, cueworker, start
from support.pool import Pool, end

HANDLERS: dict[str, Any] = {
    "greet": 'echo "hello, {{ payload.name }}"',
    "fail": "echo 'the disk is full' >&2; exit 3",
    "publish": """printf '{"external_id": "post-42"}' > "$CUEAPI_OUTCOME_FILE"; echo published""",
    "slow": {"cmd": 'until [ -e "$GO" ]; do sleep 0.05; done', "env": {"GO": "{{ payload.go }}"}},
    "show": 'cat "$CUEAPI_PAYLOAD_FILE"',
}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """One pool with a local server for all tests of this file."""
    made = Pool(tmp_path_factory.mktemp("pool"), HANDLERS, shutdown_grace=0)
    try:
        made.start()
        yield made
    finally:
        end(made)


def enqueue(pool: Pool, *arguments: str) -> Done:
    """Enqueue, with the pool found by its configuration and state directory."""
    where = ("--config", str(pool.config), "--state-dir", str(pool.state_dir))
    return cueworker("enqueue", *arguments, *where, home=pool.folder)


def shown(pool: Pool, *arguments: str) -> object:
    """The payload that a handler gets."""
    done = enqueue(pool, "show", "--wait", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(json.loads(done.stdout)["outcome"]["result"])


def test_an_execution_is_made_and_named(pool: Pool) -> None:
    done = enqueue(pool, "greet", "--payload", '{"name": "Ada"}')
    assert (done.returncode, done.stderr) == (0, "")
    execution = str(uuid.UUID(done.stdout.strip()))
    site = pool.site()
    assert site.recorded(execution)["outcome"]["result"] == "hello, Ada\n"
    site.close()


def test_waiting_shows_a_success(pool: Pool) -> None:
    done = enqueue(pool, "greet", "--payload", '{"name": "$(id) \\"é\\""}', "--wait")
    assert (done.returncode, done.stdout) == (0, 'success\nhello, $(id) "é"\n')
    assert done.stderr.startswith("execution ")


def test_waiting_shows_a_failure_and_fails(pool: Pool) -> None:
    done = enqueue(pool, "fail", "--wait")
    assert done.returncode == 1
    assert done.stdout.startswith("failed\n") and "the disk is full" in done.stdout


def test_waiting_shows_evidence(pool: Pool) -> None:
    done = enqueue(pool, "publish", "--wait")
    assert (done.returncode, done.stdout) == (0, "success\npublished\nexternal_id: post-42\n")


def test_json_is_for_programs(pool: Pool) -> None:
    made = enqueue(pool, "greet", "--json")
    assert json.loads(made.stdout)["status"] == "pending"
    done = enqueue(pool, "fail", "--wait", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"]) == (1, "failed")
    assert "the disk is full" in found["outcome"]["error"]


def test_waiting_ends_in_time_and_leaves_the_execution_alone(pool: Pool, tmp_path: Path) -> None:
    go = tmp_path / "go"
    payload = json.dumps({"go": str(go)})
    done = enqueue(pool, "slow", "--wait", "--timeout", "0.5", "--json", "--payload", payload)
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"]) == (1, "delivering")
    assert "still delivering after 0.5 s; it goes on without being watched" in done.stderr
    site = pool.site()
    go.touch()
    assert site.recorded(found["id"])["status"] == "success"
    site.close()


def test_a_payload_comes_from_the_command_line_or_a_file(pool: Pool, tmp_path: Path) -> None:
    assert shown(pool) == {"task": "show"}
    assert shown(pool, "--payload", '{"n": [1, null]}') == {"n": [1, None], "task": "show"}
    file = tmp_path / "a payload.json"
    file.write_bytes('{"name": "報告"}'.encode())
    assert shown(pool, "--payload", f"@{file}") == {"name": "報告", "task": "show"}
    assert shown(pool, "--payload", '{"task": "fail"}') == {"task": "show"}, "the argument names the task"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[1]", "must be a JSON object"),
        ('"text"', "must be a JSON object"),
        ("[" * 50_000, "not valid JSON"),
        ("@/nonexistent/payload.json", "/nonexistent/payload.json: No such file or directory"),
        ("@/", "/: Is a directory"),
    ],
)
def test_a_payload_that_is_none_is_refused(tmp_path: Path, payload: str, reason: str) -> None:
    done = cueworker("enqueue", "greet", "--payload", payload, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr and "--payload" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_bytes(b'{"x": "\xff"}')
    done = cueworker("enqueue", "greet", "--payload", "@odd.json", home=tmp_path)
    assert done.returncode == 2
    assert "not valid JSON" in done.stderr


def test_enqueues_that_race_for_a_new_tasks_cue_all_succeed(pool: Pool) -> None:
    task = f"new-{uuid.uuid4()}"
    where = ("--config", str(pool.config), "--state-dir", str(pool.state_dir))
    racing = [start("enqueue", task, *where, home=pool.folder) for _ in range(5)]
    ended = [(process, *process.communicate(timeout=WITHIN)) for process in racing]
    for process, _, errors in ended:
        assert process.returncode == 0, errors
    assert len({output for _, output, _ in ended}) == len(racing)
    site = pool.site()
    cues = [cue for cue in site.api.cues.list(limit=100)["cues"] if task in cue["name"]]
    assert len(cues) == 1
    assert site.api.executions.list(cue_id=cues[0]["id"])["total"] == len(racing)
    site.close()


def test_without_a_server_it_is_told_where_none_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    config = tmp_path / "cueworker.yaml"
    config.touch(mode=0o600)
    key = "cue_sk_" + "0123456789abcdef" * 2
    config.write_text(f"api_key: {key}\napi_base: http://127.0.0.1:{port}\nhandlers: {{greet: echo}}\n")
    done = cueworker("enqueue", "greet", home=tmp_path)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("cueworker enqueue: ") and f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr and key not in done.stderr


def test_without_a_pool_or_a_key_it_is_told_what_is_missing(tmp_path: Path) -> None:
    done = cueworker("enqueue", "greet", home=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert "CUEAPI_API_KEY" in done.stderr and "Traceback" not in done.stderr


def test_a_bad_configuration_is_told(tmp_path: Path) -> None:
    (tmp_path / "cueworker.yaml").write_text("workers: many\nhandlers: {greet: echo}\n")
    done = cueworker("enqueue", "greet", home=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert f"{tmp_path / 'cueworker.yaml'}:1:10: " in done.stderr
