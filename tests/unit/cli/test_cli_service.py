"""`cueworker install-service` and `uninstall-service`, with a program in the service manager's place that records."""

from __future__ import annotations

import plistlib
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cueworker.cli.group import cueworker as group
from support.cli import Done, cueworker
from support.repository import ROOT

RECORDER = ROOT / "tests/programs/service_manager.sh"
PROGRAMS = ("systemctl", "loginctl", "systemd-analyze", "launchctl", "plutil", "useradd")
CONFIG = "api_key: cue_sk_0123456789abcdef0123456789abcdef\nhandlers: {hello: echo hello}\n"


class Machine:
    """A home, a root and a PATH on which the service managers' commands are the recorder."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.root = folder / "root"
        self.bin = folder / "bin"
        self.config = self.home / "cueworker.yaml"
        for path in (self.home, self.root, self.bin):
            path.mkdir()
        for name in PROGRAMS:
            (self.bin / name).symlink_to(RECORDER)
        self._calls = folder / "calls"
        self.configure(CONFIG)

    def configure(self, text: str) -> None:
        self.config.touch(mode=0o600)
        self.config.write_text(text)

    def command(self, *arguments: str) -> Done:
        """Run a subcommand as its user does; `calls` are those of this one alone."""
        return cueworker(*arguments, home=self.home, **self._env())

    def run(self, *arguments: str, **env: str) -> Result:
        """The same in this process, which is quicker."""
        return CliRunner().invoke(group, [*arguments], env={**self._env(), **env})

    def _env(self) -> dict[str, str]:
        self._calls.write_text("")
        return {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "CUEWORKER_CONFIG": str(self.config),
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "CALLS": str(self._calls),
        }

    @property
    def calls(self) -> list[str]:
        """What was called, but for the checker of definitions."""
        return [
            call
            for call in self._calls.read_text().splitlines()
            if "verify" not in call and "-lint" not in call
        ]

    @property
    def user_unit(self) -> Path:
        return self.home / ".config/systemd/user/cueworker.service"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def setting(unit: Path, name: str) -> str:
    """The value of a setting that stands in a unit once."""
    (value,) = [
        line.partition("=")[2] for line in unit.read_text().splitlines() if line.startswith(f"{name}=")
    ]
    return value


def test_a_users_service_from_nothing_to_nothing(machine: Machine) -> None:
    shown = machine.run("install-service", "--user", "--dry-run")
    assert (shown.exit_code, machine.calls) == (0, [])
    assert not machine.user_unit.parent.exists()

    done = machine.command("install-service", "--user")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls == [
        "systemctl --user daemon-reload",
        "systemctl --user enable cueworker.service",
        "systemctl --user restart cueworker.service",
        "loginctl enable-linger",
        "systemctl --user is-active cueworker.service",
    ]
    assert all(f"  {line}" in shown.stdout for line in machine.user_unit.read_text().splitlines())
    assert done.stdout.startswith(shown.stdout)
    assert f"--config {machine.config}" in setting(machine.user_unit, "ExecStart")

    # Once more: nothing is written, nothing is disturbed.
    before = machine.user_unit.stat()
    again = machine.run("install-service", "--user")
    assert again.exit_code == 0 and "(unchanged)" in again.stdout
    assert [call.split()[2] for call in machine.calls if "systemctl" in call] == [
        "enable",
        "start",
        "is-active",
    ]
    assert machine.user_unit.stat() == before

    machine.configure(f"shutdown_grace: 100\n{CONFIG}")
    changed = machine.run("install-service", "--user")
    assert changed.exit_code == 0 and "(changed)" in changed.stdout
    assert setting(machine.user_unit, "TimeoutStopSec") == "120"
    assert "systemctl --user restart cueworker.service" in machine.calls

    gone = machine.command("uninstall-service", "--user")
    assert gone.returncode == 0
    assert machine.calls[:2] == [
        "systemctl --user disable --now cueworker.service",
        "systemctl --user daemon-reload",
    ]
    assert list(machine.user_unit.parent.iterdir()) == []
    nothing = machine.run("uninstall-service", "--user")
    assert (nothing.exit_code, machine.calls) == (0, [])
    assert "nothing is installed" in nothing.stdout


def test_a_systems_service_never_runs_as_root_by_itself(machine: Machine) -> None:
    options = ("--system", "--root", str(machine.root), "--instance", "night")
    done = machine.run("install-service", *options, "--run-as", "root")
    assert done.exit_code == 0, done.stderr
    assert "Handlers will run as root, as --run-as says" in done.stdout
    unit = machine.root / "etc/systemd/system/cueworker@night.service"
    assert setting(unit, "User") == "root"
    assert setting(unit, "StateDirectory") == setting(unit, "LogsDirectory") == "cueworker-night"
    assert setting(unit, "LoadCredential") == "api_key:cueworker-night.api_key"
    assert setting(unit, "ExecStart").endswith(f"--worker-id {socket.gethostname()}-night")
    assert machine.calls[-1] == "systemctl is-active cueworker@night.service"

    shown = machine.run("install-service", *options, "--dry-run")
    owner = machine.config.owner()
    expected = "cueworker" if owner == "root" else owner
    assert f"  User={expected}\n" in shown.stdout
    assert ("useradd --system" in shown.stdout) == (owner == "root")


def test_what_fails_is_said_with_the_managers_own_words(machine: Machine) -> None:
    done = machine.run("install-service", "--user", FAIL_AT="restart")
    assert done.exit_code == 1
    assert "systemctl --user restart cueworker.service: exit code 3\n  refused: --user restart" in done.stderr
    assert "It runs." not in done.stdout
    # What may fail does not end it; that it does not run does.
    done = machine.run("install-service", "--user", FAIL_AT="enable-linger")
    assert done.exit_code == 0 and "(goes on)" in done.stdout
    done = machine.run("install-service", "--user", FAIL_AT="is-active")
    assert done.exit_code == 1


def test_a_file_of_somebody_elses_is_left_alone(machine: Machine) -> None:
    machine.user_unit.parent.mkdir(parents=True)
    machine.user_unit.write_text("[Service]\nExecStart=/bin/true\n")
    for command in ("install-service", "uninstall-service"):
        done = machine.run(command, "--user")
        assert (done.exit_code, machine.calls) == (1, [])
        assert "--force" in done.stderr
        assert machine.user_unit.read_text().startswith("[Service]")
    assert machine.run("install-service", "--user", "--force").exit_code == 0
    assert "install-service" in machine.user_unit.read_text()


@pytest.mark.parametrize(
    ("config", "options", "code", "expected"),
    [
        ("workers: many\n" + CONFIG, [], 78, ":1:10: workers must be a whole number"),
        ("handlers: {a: b}\n", [], 1, "CUEAPI_API_KEY among them, do not reach a service"),
        (f"worker_id: a b\n{CONFIG}", [], 1, "worker_id 'a b' cannot be a service's"),
        (CONFIG, ["--instance", "../x"], 1, "instance '../x' cannot be a service's"),
        (CONFIG, ["--system", "--root", "/nowhere", "--run-as", "no.such.user"], 1, "no user 'no.such.user'"),
    ],
)
def test_what_would_not_run_is_not_installed(
    machine: Machine, config: str, options: list[str], code: int, expected: str
) -> None:
    machine.configure(config)
    done = machine.run("install-service", *(options or ["--user"]), CUEAPI_API_KEY="of-this-shell")
    assert (done.exit_code, machine.calls) == (code, [])
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not machine.user_unit.exists()


def test_a_machine_without_a_service_manager(machine: Machine) -> None:
    done = machine.run("install-service", "--user", PATH="/nowhere")
    assert done.exit_code == 1
    assert "there is no systemctl here" in done.stderr
    assert not machine.user_unit.exists()


def test_launchd(machine: Machine) -> None:
    options = ("--user", "--platform", "darwin", "--instance", "night")
    done = machine.run("install-service", *options)
    assert done.exit_code == 0, done.stderr
    file = machine.home / "Library/LaunchAgents/com.cueapi.cueworker.night.plist"
    agent: dict[str, Any] = plistlib.loads(file.read_bytes())
    assert agent["Label"] == "com.cueapi.cueworker.night"
    assert agent["ExitTimeOut"] == 50
    assert agent["EnvironmentVariables"]["PATH"].split(":")[0] == str(machine.bin)
    assert agent["ProgramArguments"][1:3] == ["--config", str(machine.config)]
    assert [call.split()[1] for call in machine.calls] == ["bootout", "enable", "bootstrap", "print"]
    assert machine.run("install-service", *options).exit_code == 0
    assert [call.split()[1] for call in machine.calls] == ["enable", "bootstrap", "print"]
    assert machine.run("uninstall-service", *options).exit_code == 0
    assert [call.split()[1] for call in machine.calls] == ["bootout"]
    assert not file.exists()


def test_a_unit_that_systemd_would_not_take_is_not_written(machine: Machine) -> None:
    done = machine.run("install-service", "--user", FAIL_AT="verify")
    assert done.exit_code == 1
    assert "refused: --user verify" in done.stderr
    assert not machine.user_unit.exists()
