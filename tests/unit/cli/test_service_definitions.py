"""What a service definition says for a pool: paths, times, user; and that systemd reads it as it was meant."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cueworker.cli import service_agent, service_unit, service_user
from cueworker.cli.service import Scope, Service, times
from cueworker.cli.service_paths import program, search_path
from cueworker.pool import Settings

SYSTEM = Service(
    scope=Scope.SYSTEM,
    instance=None,
    command=("/opt/cueworker/bin/cueworker-supervise", "--config", "/etc/cueworker/cueworker.yaml"),
    path="/usr/bin:/bin",
    user="ada",
    own_state_dir=False,
    start_within=90,
    stop_within=50,
)
USER = replace(SYSTEM, scope=Scope.USER, user=None)
ODD = '/srv/a b/100%/"q"/$HOME/back\\slash/it\'s'


def value(unit: str, name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)
    return str(found)


def names(unit: str) -> set[str]:
    return set(re.findall(r"^(\w+)=", unit, re.MULTILINE))


def test_a_system_unit_is_the_template_with_this_machines_facts() -> None:
    unit = service_unit.render(replace(SYSTEM, start_within=120, stop_within=700))
    assert value(unit, "ExecStart") == " ".join(SYSTEM.command)
    assert value(unit, "Environment") == '"PATH=/usr/bin:/bin"'
    assert (value(unit, "User"), value(unit, "TimeoutStartSec"), value(unit, "TimeoutStopSec")) == (
        "ada",
        "120",
        "700",
    )
    assert value(unit, "WantedBy") == "multi-user.target"
    assert {"NoNewPrivileges", "LoadCredential", "Delegate", "WatchdogSec"} <= names(unit)
    assert "\n\n\n" not in unit
    own = service_unit.render(replace(SYSTEM, own_state_dir=True))
    assert not {"StateDirectory", "StateDirectoryMode"} & names(own)


def test_a_users_unit_asks_for_nothing_that_only_root_can_give() -> None:
    unit = service_unit.render(USER)
    gone = names(service_unit.render(SYSTEM)) - names(unit)
    assert {"User", "LoadCredential", "StateDirectory", "NoNewPrivileges", "ProtectSystem", "After"} <= gone
    assert {"Type", "KillMode", "OOMPolicy", "Delegate", "Restart", "RestartPreventExitStatus"} <= names(unit)
    assert value(unit, "WantedBy") == "default.target"
    assert "Hardening" not in unit and "Left out on purpose" not in unit and "credstore" not in unit


def test_an_instance_has_everything_of_its_own() -> None:
    unit = service_unit.render(replace(SYSTEM, instance="night"))
    assert service_unit.unit_name("night") == "cueworker@night.service"
    assert value(unit, "StateDirectory") == value(unit, "LogsDirectory") == "cueworker-night"
    assert value(unit, "LoadCredential") == "api_key:cueworker-night.api_key"
    assert value(unit, "Description").endswith("(night)")


def test_a_word_that_no_unit_can_hold_is_refused() -> None:
    for text in ("/a\nExecStartPre=/bin/evil", "/a\tb", "/a\0"):
        with pytest.raises(ValueError, match="holds a character that no unit can hold"):
            service_unit.render(replace(SYSTEM, command=("/bin/true", text)))
        with pytest.raises(ValueError, match="holds a character that no unit can hold"):
            service_unit.render(replace(SYSTEM, path=text))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_takes_every_form_of_it(tmp_path: Path) -> None:
    true = (shutil.which("true") or "/bin/true",)
    services = [
        replace(SYSTEM, command=(*true, ODD), path=ODD, user="root"),
        replace(SYSTEM, command=true, instance="night.1", user="root", own_state_dir=True),
    ]
    system = [tmp_path / service_unit.unit_name(service.instance) for service in services]
    for service, file in zip(services, system, strict=True):
        file.write_text(service_unit.render(service))
    user = tmp_path / "user" / service_unit.unit_name(None)
    user.parent.mkdir()
    user.write_text(service_unit.render(replace(USER, command=true)))
    for command in (["verify", *map(str, system)], ["--user", "verify", str(user)]):
        found = subprocess.run(
            ["systemd-analyze", *command],
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (found.returncode, "cueworker" in found.stderr) == (0, False), found.stderr


def test_the_words_of_a_command_line() -> None:
    assert service_unit.quoted("/opt/a-b/c@d:e=f,g+h") == "/opt/a-b/c@d:e=f,g+h"
    assert service_unit.quoted("a b") == '"a b"'
    assert service_unit.quoted('100% "$x" \\') == '"100%% \\"$$x\\" \\\\"'


def test_an_agent_is_a_property_list_whatever_its_paths(tmp_path: Path) -> None:
    odd = replace(USER, command=("/bin/true", ODD + "<&>"), instance="night")
    agent = plistlib.loads(service_agent.render(odd, tmp_path).encode())
    assert agent["ProgramArguments"] == ["/bin/true", ODD + "<&>"]
    assert agent["StandardErrorPath"] == str(tmp_path / "Library/Logs/cueworker-night.log")
    assert "UserName" not in agent
    system = plistlib.loads(service_agent.render(SYSTEM, tmp_path).encode())
    assert (system["UserName"], system["StandardErrorPath"]) == ("ada", "/Library/Logs/cueworker.log")


def test_times_follow_the_configuration() -> None:
    settings = Settings(
        api_key="k", worker_id="w", state_dir=Path("/s"), handlers={}, shutdown_grace=100, kill_grace=2.5
    )
    assert times(settings) == (88, 118)


def test_the_program_is_the_one_beside_the_interpreter(tmp_path: Path) -> None:
    interpreter = tmp_path / "bin/python"
    interpreter.parent.mkdir()
    interpreter.symlink_to("/usr/bin/env")
    assert program(str(interpreter)) == (str(interpreter), "-P", "-m", "cueworker.supervisor")
    script = tmp_path / "bin/cueworker-supervise"
    script.touch()
    assert program(str(interpreter)) == (str(script),)


@pytest.mark.parametrize(
    "interpreter",
    [
        "/home/ada/.cache/uv/archive-v0/x1/bin/python",
        "/var/cache/uv/environments-v2/x1/bin/python",
        "/home/ada/.local/pipx/.cache/x1/bin/python",
        "/home/ada/.cache/pipx/x1/bin/python",
    ],
)
def test_a_program_that_may_vanish_is_refused(interpreter: str) -> None:
    with pytest.raises(ValueError, match="uv tool install cueworker"):
        program(interpreter)


def test_the_path_holds_absolute_folders_that_exist_each_once(tmp_path: Path) -> None:
    tools, local, private = tmp_path / "tools", tmp_path / "home/.local/bin", tmp_path / "private/bin"
    for folder in (tools, local, private):
        folder.mkdir(parents=True)
    environ = {
        "PATH": f"{tools}/::.:bin:/nowhere:/usr/bin:{private}:{tools}:/usr/bin/",
        "PIPX_BIN_DIR": str(tools),
        "UV_TOOL_BIN_DIR": "relative",
    }
    found = search_path(environ, tmp_path / "home", without=[tmp_path / "private"]).split(":")
    assert found[:3] == [str(tools), "/usr/bin", str(local)]
    assert len(found) == len(set(found))
    assert {"/usr/bin", "/bin"} <= set(found)
    assert search_path({}, Path("/nowhere")).endswith("/bin")


def test_who_runs_it(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.touch()
    expected = "cueworker" if os.geteuid() == 0 else config.owner()
    assert service_user.choose(None, config) == expected
    assert service_user.choose("root", config) == "root"
    with pytest.raises(ValueError, match="no user"):
        service_user.choose("no.such.user", config)


@pytest.mark.skipif(
    os.geteuid() != 0 or not service_user.exists("nobody"), reason="only root can be somebody else"
)
def test_a_user_who_cannot_is_told_what_is_missing(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.touch(mode=0o600)
    found = service_user.obstacle("nobody", config, "/bin/true")
    assert found is not None and f"nobody cannot read {config}" in found
    assert service_user.obstacle("nobody", Path("/etc/passwd"), "/bin/true") is None
    found = service_user.obstacle("nobody", Path("/etc/passwd"), str(config))
    assert found is not None and "nobody cannot run" in found
    assert service_user.obstacle("root", config, "/bin/true") is None
