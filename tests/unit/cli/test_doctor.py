"""`cueworker doctor`: each check fails for its own reason and says how to mend it; a healthy pool passes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cueworker.cli import doctor_checks
from cueworker.cli.doctor_checks import CHECKS, Level, examine
from cueworker.cli.doctor_facts import DiskFacts, Facts, FileFacts, ServerFacts
from cueworker.cli.group import cueworker
from cueworker.cli.programs import Missing, first_word, missing
from cueworker.pool import ArgvCommand, Handler, ShellCommand
from cueworker.pool.handler import Command
from support.local_server import LocalServerProcess, shared_local_server

__all__ = ["shared_local_server"]

GB = 1 << 30
SERVER = ServerFacts(url="http://server", healthy="1.0", took=0.01, skew=0.2, plan="free")
WELL = Facts(
    python=(3, 11, 7),
    user=1000,
    config="/etc/cueworker.yaml",
    problems=(),
    warnings=(),
    refused=(),
    workers=4,
    handlers=2,
    key_source="CUEAPI_API_KEY",
    keyless=None,
    server=SERVER,
    files=(FileFacts(path="/home/credentials.json", owner=1000, mode=0o600),),
    state_dir="/var/lib/cueworker",
    state=FileFacts(path="/var/lib/cueworker", owner=1000, mode=0o700),
    state_writable=True,
    pool_runs=False,
    open_files=1024,
    processes=-1,
    systemd="enabled",
    cgroup=None,
    disk=DiskFacts(free=10 * GB, size=20 * GB, free_inodes=1_000_000, inodes=2_000_000),
    missing=(),
    proxies=("https: http://user:pass@proxy:3128",),
    ca_bundle=None,
    ca_exists=True,
)


def test_a_healthy_pool_has_one_good_line_for_each_check() -> None:
    findings = examine(WELL)
    assert [finding.check for finding in findings] == [check.__name__ for check in CHECKS]
    assert {finding.level for finding in findings} == {Level.OK}
    assert all(finding.mend is None for finding in findings)
    assert not any("pass@" in finding.text for finding in findings)


ILLS: list[tuple[str, dict[str, Any], Level]] = [
    ("python", {"python": (3, 10, 1)}, Level.FAIL),
    ("user", {"user": 0, "state": None}, Level.WARN),
    ("config", {"problems": ("cueworker.yaml:1:1: wrong",)}, Level.FAIL),
    ("config", {"refused": ("cueworker.yaml:1:1: refused",)}, Level.FAIL),
    ("programs", {"missing": (Missing("report", "nodejs", certain=True),)}, Level.FAIL),
    ("programs", {"missing": (Missing("report", "nodejs", certain=False),)}, Level.WARN),
    ("key", {"keyless": "no API key: looked everywhere"}, Level.FAIL),
    ("server", {"server": ServerFacts(url="http://server", error="refused")}, Level.FAIL),
    ("clock", {"server": replace(SERVER, skew=-7.0)}, Level.WARN),
    ("proxy", {"ca_bundle": "/nonexistent", "ca_exists": False}, Level.FAIL),
    ("permissions", {"files": (FileFacts(path="/key", owner=1000, mode=0o640),)}, Level.WARN),
    ("permissions", {"state": FileFacts(path="/state", owner=7, mode=0o700)}, Level.FAIL),
    ("permissions", {"state": FileFacts(path="/state", owner=1000, mode=0o755)}, Level.WARN),
    ("permissions", {"state": None, "state_writable": False}, Level.FAIL),
    ("disk", {"disk": DiskFacts(free=GB // 100, size=GB, free_inodes=0, inodes=0)}, Level.FAIL),
    ("disk", {"disk": DiskFacts(free=GB, size=GB, free_inodes=10, inodes=1_000_000)}, Level.FAIL),
    ("disk", {"disk": DiskFacts(free=GB // 4, size=GB, free_inodes=0, inodes=0)}, Level.WARN),
    ("limits", {"open_files": 64}, Level.WARN),
    ("limits", {"workers": 64, "processes": 500, "open_files": 4096}, Level.WARN),
    ("systemd", {"systemd": "not-found"}, Level.WARN),
    ("systemd", {"systemd": "disabled"}, Level.WARN),
]


@pytest.mark.parametrize(("check", "ill", "level"), ILLS)
def test_each_ill_is_found_by_its_check_and_comes_with_a_mend(
    check: str, ill: dict[str, Any], level: Level
) -> None:
    found = [finding for finding in examine(replace(WELL, **ill)) if finding.level is not Level.OK]
    assert [(finding.check, finding.level) for finding in found] == [(check, level)]
    assert all(finding.mend for finding in found)


def test_a_refused_key_names_where_it_came_from() -> None:
    (finding,) = doctor_checks.key(replace(WELL, server=replace(SERVER, key_error="401", plan=None)))
    assert finding.level is Level.FAIL and "CUEAPI_API_KEY" in finding.text


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (ArgvCommand(("python3", "-c")), "python3"),
        (ArgvCommand(("{{ payload.program }}",)), None),
        (ShellCommand("./backup.sh --all"), "./backup.sh"),
        (ShellCommand("node; true"), "node"),
        (ShellCommand("echo hello"), None),
        (ShellCommand("X=1 node"), None),
        (ShellCommand('"$PROGRAM" x'), None),
        (ShellCommand("(cd x && make)"), None),
    ],
)
def test_the_first_word_is_a_program_where_that_is_certain(command: Command, word: str | None) -> None:
    assert first_word(Handler(task="t", command=command, timeout=1)) == word


def test_programs_are_looked_for_as_the_handler_would(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.touch(mode=0o755)

    def gone(program: str, **changes: Any) -> bool:
        handler = Handler(
            task="t", command=ArgvCommand((program,)), timeout=1, base_dir=str(tmp_path), **changes
        )
        return list(missing([handler], {"PATH": "/nonexistent"})) != []

    assert not gone("there", env={"PATH": str(tmp_path)}) and gone("there")
    assert not gone(str(there)) and gone(str(tmp_path / "gone"))
    assert not gone("./there", cwd=".") and gone("./gone", cwd=".")
    assert not gone("./there", cwd="{{ payload.where }}") and not gone("x", env={"PATH": "${MORE}:/bin"})


@pytest.fixture
def doctor(tmp_path: Path) -> Callable[..., Result]:
    """Runs it in this process, on a configuration with these settings."""

    def run(*arguments: str, **settings: Any) -> Result:
        config = tmp_path / "cueworker.yaml"
        config.touch(mode=0o600)
        config.write_text(json.dumps({"handlers": {"greet": "echo"}, **settings}))
        env = {"HOME": str(tmp_path), "XDG_STATE_HOME": None, "XDG_CONFIG_HOME": None, "CUEAPI_API_KEY": None}
        return CliRunner(env=env).invoke(cueworker, ["doctor", "--config", str(config), *arguments])

    return run


def levels(done: Result) -> dict[str, str]:
    return {finding["check"]: finding["level"] for finding in json.loads(done.stdout)}


def test_a_real_server_is_asked_for_key_and_clock(
    doctor: Callable[..., Result], shared_local_server: LocalServerProcess
) -> None:
    at = {"api_base": shared_local_server.url}
    well = doctor(api_key=shared_local_server.api_key, **at)
    assert well.exit_code == 0
    lines = {line.split()[1]: line for line in well.stdout.splitlines() if line[:4].strip()}
    assert {lines[check].split()[0] for check in ("config", "key", "server", "clock", "disk")} == {"ok"}
    assert "accepted (plan " in lines["key"] and shared_local_server.api_key not in well.stdout
    assert lines["user"].split()[0] == ("warn" if os.geteuid() == 0 else "ok")
    bad = doctor("--json", api_key="cue_sk_" + "f" * 32, **at)
    assert bad.exit_code == 1
    assert (levels(bad)["server"], levels(bad)["key"]) == ("ok", "fail")


def test_what_is_missing_is_told_without_a_traceback(doctor: Callable[..., Result], tmp_path: Path) -> None:
    nobody = doctor("--json", api_base="http://127.0.0.1:1")
    assert nobody.exit_code == 1
    assert (levels(nobody)["key"], levels(nobody)["server"]) == ("fail", "fail")
    local = doctor("--json", "--local")
    assert local.exit_code == 0 and "key" not in levels(local)
    wrong = doctor("--json", "--state-dir", str(tmp_path / "state"), workers="many")
    assert (wrong.exit_code, levels(wrong)["config"]) == (1, "fail")
    none = CliRunner(env={"HOME": str(tmp_path)}).invoke(
        cueworker, ["doctor", "--config", "/nonexistent.yaml"]
    )
    assert none.exit_code == 1 and "/nonexistent.yaml" in none.stdout
