"""The service definitions agree with what the supervisor does, and their service managers take them."""

from __future__ import annotations

import plistlib
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from cueworker.pool import Settings
from cueworker.supervisor.credentials import CREDENTIAL
from cueworker.supervisor.exit_codes import CONFIG
from cueworker.supervisor.start import LOCK_PATIENCE

FOLDER = resources.files("cueworker.service_templates")
SINGLE, INSTANCE = ((FOLDER / name).read_text() for name in ("cueworker.service", "cueworker@.service"))
AGENT = plistlib.loads((FOLDER / "cueworker.plist").read_bytes())
DEFAULTS = Settings.__dataclass_fields__
GRACES = DEFAULTS["shutdown_grace"].default + DEFAULTS["kill_grace"].default


def settings(unit: str) -> list[str]:
    """The lines that mean something."""
    return [line for line in unit.splitlines() if line and not line.startswith("#")]


def value(name: str, unit: str = SINGLE) -> str:
    found = re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)
    assert len(found) == 1, name
    return str(found[0])


@pytest.mark.parametrize("seconds", [value("TimeoutStopSec"), AGENT["ExitTimeOut"]])
def test_they_wait_for_as_long_as_a_default_pool_takes_to_stop(seconds: object) -> None:
    assert float(str(seconds)) == GRACES + 15


def test_a_start_may_wait_for_an_earlier_pool() -> None:
    assert float(value("TimeoutStartSec")) > DEFAULTS["kill_grace"].default + LOCK_PATIENCE + 60


def test_it_does_not_restart_a_wrong_configuration() -> None:
    assert value("Restart") == "on-failure"
    assert value("RestartPreventExitStatus") == str(CONFIG)


def test_handlers_are_not_run_as_root() -> None:
    assert value("User") not in ("", "root")


def test_it_speaks_to_the_supervisor_and_gives_it_what_it_needs() -> None:
    assert (value("Type"), value("KillMode"), value("OOMPolicy")) == ("notify", "mixed", "continue")
    assert value("Delegate") == "yes"
    assert value("LoadCredential").startswith(f"{CREDENTIAL}:")
    assert value("StateDirectory") == value("LogsDirectory") == "cueworker"


def test_the_unit_for_instances_differs_by_the_instance_alone() -> None:
    """Each has its own configuration, key and folders; none lies in another's."""
    changed = [line for line in settings(INSTANCE) if line not in settings(SINGLE)]
    names = ["Description", "ExecStart", "LoadCredential", "StateDirectory", "LogsDirectory"]
    assert [line.split("=")[0] for line in changed] == names
    assert all("%i" in line for line in changed)
    assert len(settings(INSTANCE)) == len(settings(SINGLE))
    assert value("StateDirectory", INSTANCE) == "cueworker-%i"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = {"cueworker.service": SINGLE, "cueworker@some.service": INSTANCE}
    for name, text in units.items():
        (tmp_path / name).write_text(
            text.replace("/usr/local/bin/cueworker-supervise", shutil.which("true") or "/bin/true")
        )
    command = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in units)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "cueworker" not in found.stderr, found.stderr


def test_launchd_is_told_the_same() -> None:
    assert AGENT["ProgramArguments"][0] == "/usr/local/bin/cueworker-supervise"
    assert AGENT["KeepAlive"] == {"SuccessfulExit": False}
    assert AGENT["RunAtLoad"] is True
    assert AGENT["Label"] == "com.cueapi.cueworker"


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="there is no logrotate here")
def test_logrotate_takes_its_file(tmp_path: Path) -> None:
    config = tmp_path / "logrotate"
    # Without its user, whom this machine need not have.
    text = (FOLDER / "cueworker.logrotate").read_text().replace("su cueworker cueworker", "")
    config.write_text(text.replace("/var/log", str(tmp_path)))
    config.chmod(0o644)
    command = ["logrotate", "--debug", "--state", str(tmp_path / "state"), str(config)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "error" not in found.stderr, found.stderr
