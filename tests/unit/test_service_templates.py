"""The systemd unit agrees with what the supervisor does."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from cueworker.pool import Settings
from cueworker.supervisor.command import EXIT_CONFIG

UNIT = resources.files("cueworker.service_templates").joinpath("cueworker.service").read_text()


def value(name: str) -> str:
    found = re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)
    assert len(found) == 1, name
    return str(found[0])


def test_it_waits_for_as_long_as_a_default_pool_takes_to_stop() -> None:
    defaults = Settings.__dataclass_fields__
    graces = defaults["shutdown_grace"].default + defaults["kill_grace"].default
    assert float(value("TimeoutStopSec")) == graces + 15


def test_it_does_not_restart_a_wrong_configuration() -> None:
    assert value("RestartPreventExitStatus") == str(EXIT_CONFIG)


def test_handlers_are_not_run_as_root() -> None:
    assert value("User") not in ("", "root")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_takes_it(tmp_path: Path) -> None:
    unit = tmp_path / "cueworker.service"
    unit.write_text(UNIT.replace("/usr/local/bin/cueworker-supervise", shutil.which("true") or "/bin/true"))
    found = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "cueworker" not in found.stderr, found.stderr
