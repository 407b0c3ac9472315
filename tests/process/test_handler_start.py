"""What a handler is started with, and what becomes of an execution whose handler cannot be started."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pool import SETTLED, Pool, running, site_of
from support.site import Site
from support.waiting import until

PROGRAM = Path(__file__).parents[1] / "programs" / "tell.py"

HOST = {
    "NOTIFY_SOCKET": "/nowhere/notify",
    "WATCHDOG_USEC": "30000000",
    "WATCHDOG_PID": "1",
    "LISTEN_FDS": "1",
    "LISTEN_PID": "1",
    "LISTEN_FDNAMES": "control",
    "CREDENTIALS_DIRECTORY": "/nowhere/credentials",
    "CUEAPI_PAYLOAD": '{"of": "the execution that started this pool"}',
    "GREETING": "hello from the pool",
}
"""The pool's own environment; a handler gets none of the first eight."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("told")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, told: Path) -> Iterator[Pool]:
    folder = tmp_path_factory.mktemp("start")
    (folder / "work").mkdir()
    tell: dict[str, Any] = {
        "argv": [sys.executable, "-I", "-S", "-X", "utf8", str(PROGRAM)],
        "env": {"TOLD": str(told)},
    }
    handlers: dict[str, Any] = {
        "tell": tell,
        "tell with more": {
            **tell,
            "cwd": "work",
            "env": {
                **tell["env"],
                "VALUE": "{{ payload.a.b }}",
                "BOTH": "${GREETING}, {{ payload.name }}",
                "MISSING": "[{{ payload.no.such }}][${NO_SUCH_VARIABLE}]",
                "CUEAPI_WORKER_ID": "another",
            },
        },
        "signals": "exec grep -E '^Sig(Blk|Ign)' /proc/self/status",
        "standard input": "wc -c; readlink /proc/self/fd/0",
        "echo in an argument": {"argv": ["/bin/echo", "{{ payload.value }}"]},
        "missing folder": {"cmd": "echo ran", "cwd": "nowhere/{{ payload.folder }}"},
        "missing program": {"argv": ["./no-such-program", "--flag"]},
        "not executable": {"argv": [str(PROGRAM)]},
        "missing command": "no-such-command --flag",
        "wide variable": {"cmd": "echo ran", "env": {"WIDE": "{{ payload.value }}"}},
        "wide template": "echo {{ payload.value }}",
        "many variables": {
            "cmd": "echo ran",
            "env": {f"WIDE_{number}": "{{ payload.value }}" for number in range(60)},
        },
    }
    with running(Pool(folder, handlers), env=HOST) as pool:
        yield pool


@pytest.fixture(scope="module")
def site(pool: Pool) -> Iterator[Site]:
    with site_of(pool, "signals") as site:
        yield site


def heard(site: Site, told: Path, execution: str) -> dict[str, Any]:
    """What `tell.py` wrote down for an execution that must have succeeded."""
    found = site.recorded(execution)
    assert found["status"] == "success", found["outcome"]
    said = json.loads((told / execution).read_text())
    assert isinstance(said, dict)
    return said


def test_the_environment_of_the_protocol(pool: Pool, site: Site, told: Path) -> None:
    execution = site.fire("tell", {"text": "naïve \N{GRINNING FACE}\n", "number": 1.5})
    cue_id = site.get(execution)["cue_id"]
    said = heard(site, told, execution)
    environment = said["environment"]
    assert environment["CUEAPI_EXECUTION_ID"] == execution
    assert environment["CUEAPI_CUE_ID"] == cue_id
    assert environment["CUEAPI_CUE_NAME"] == site.api.cues.get(cue_id)["name"]
    assert environment["CUEAPI_WORKER_ID"] == "test-pool"
    assert environment["CUEAPI_API_KEY"] == site.api_key
    assert environment["CUEAPI_BASE_URL"] == site.url
    payload = {"text": "naïve \N{GRINNING FACE}\n", "number": 1.5, "task": "tell"}
    assert json.loads(environment["CUEAPI_PAYLOAD"]) == said["payload_in_file"] == payload
    files = [Path(environment[f"CUEAPI_{name}_FILE"]) for name in ("OUTCOME", "PAYLOAD")]
    assert [file.parent.parent for file in files] == [pool.state_dir / "outcomes"] * 2
    assert files[0] != files[1]
    assert said["modes"] == {"folder": "700", "outcome_file": "600", "payload_file": "600"}
    until(lambda: not any(file.exists() for file in files), "both files are deleted")


def test_the_outcome_file_of_another_execution_has_another_name(site: Site, told: Path) -> None:
    names = {heard(site, told, site.fire("tell"))["environment"]["CUEAPI_OUTCOME_FILE"] for _ in range(4)}
    assert len(names) == 4
    assert all(len(Path(name).name) >= 32 for name in names)


def test_what_is_the_pools_own_does_not_reach_a_handler(site: Site, told: Path) -> None:
    said = heard(site, told, site.fire("tell"))
    environment = said["environment"]
    ours = ("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", "CREDENTIALS_DIRECTORY")
    assert [name for name in environment if name.startswith(ours)] == []
    assert environment["GREETING"] == HOST["GREETING"]
    assert environment["PATH"] == os.environ["PATH"]
    assert sorted(said["descriptors"]) == ["0", "1", "2"]
    assert said["descriptors"]["0"] == "/dev/null"
    assert said["leads_its_session"]


def test_standard_input_is_empty(site: Site) -> None:
    found = site.recorded(site.fire("standard input"))
    assert found["outcome"]["result"] == "0\n/dev/null\n"


def test_no_signal_is_ignored_or_blocked(site: Site) -> None:
    found = site.recorded(site.fire("signals"))
    said = re.fullmatch(r"SigBlk:\s([0-9a-f]{16})\nSigIgn:\s([0-9a-f]{16})\n", found["outcome"]["result"])
    assert said is not None
    blocked, ignored = (int(mask, 16) for mask in said.groups())
    assert blocked == 0
    # 32 and 33 are the C library's own: a parent that uses posix_spawn, such as make, leaves them ignored, and no
    # program can name them to undo it.
    assert ignored & ~(1 << 31 | 1 << 32) == 0


def test_the_handlers_own_environment_comes_on_top(pool: Pool, site: Site, told: Path) -> None:
    payload = {"a": {"b": [1, "zwei", None]}, "name": "${HOME} {{ payload.a }}"}
    said = heard(site, told, site.fire("tell with more", payload))
    environment = said["environment"]
    assert environment["VALUE"] == '[1,"zwei",null]'
    assert environment["BOTH"] == "hello from the pool, ${HOME} {{ payload.a }}"
    assert environment["MISSING"] == "[][]"
    assert environment["CUEAPI_WORKER_ID"] == "another"
    assert said["folder"] == str(pool.folder / "work")


def test_a_large_payload_comes_in_the_file_alone(site: Site, told: Path) -> None:
    text = "x" * 900_000
    said = heard(site, told, site.fire("tell", {"text": text}))
    assert said["payload_in_file"] == {"text": text, "task": "tell"}
    assert "CUEAPI_PAYLOAD" not in said["environment"]


WIDE = "w" * 200_000
READ_THE_FILE = re.escape(
    "more than the 131,072 that a process can be given; "
    "read the payload from the file named by $CUEAPI_PAYLOAD_FILE"
)
CANNOT_START = {
    "missing folder": ({"folder": "gone"}, "cwd {folder}/nowhere/gone: no such directory; .*`cwd:`"),
    "missing program": ({}, r"\./no-such-program: No such file or directory; correct the handler's command"),
    "not executable": ({}, rf"{PROGRAM}: Permission denied; correct the handler's command"),
    "wide variable": (
        {"value": WIDE},
        rf"environment variable WIDE is 200,006 bytes, {READ_THE_FILE}",
    ),
    "wide template": (
        {"value": WIDE},
        rf"environment variable CUEWORKER_T1 is 200,014 bytes, {READ_THE_FILE}",
    ),
    "echo in an argument": ({"value": WIDE}, rf"argument 1 is 200,001 bytes, {READ_THE_FILE}"),
    "many variables": (
        {"value": "w" * 130_000},
        r"arguments and environment are [78],\d{3},\d{3} bytes together, .*\$CUEAPI_PAYLOAD_FILE",
    ),
}


@pytest.mark.parametrize("task", CANNOT_START)
def test_what_cannot_be_started_says_which_field_to_change(pool: Pool, site: Site, task: str) -> None:
    payload, expected = CANNOT_START[task]
    found = site.recorded(site.fire(task, payload))
    assert (found["status"], found["outcome_state"]) == ("failed", "reported_failure")
    assert re.fullmatch(
        "could not start: " + expected.replace("{folder}", str(pool.folder)), found["outcome"]["error"]
    )
    assert found["outcome"]["metadata"] == {"_cueapi_worker": {"ending": "could_not_start"}}
    until(lambda: pool.leftovers() == SETTLED, "everything is settled")


def test_a_command_that_the_shell_does_not_find(site: Site) -> None:
    found = site.recorded(site.fire("missing command"))
    assert found["status"] == "failed"
    assert "no-such-command" in found["outcome"]["error"]
    assert found["outcome"]["metadata"]["_cueapi_worker"] == {"ending": "exited", "exit_code": 127}
