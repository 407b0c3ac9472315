"""`cueworker dashboard`: a link that signs in one browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests
from support.cli import cueworker
from support.local_server import LocalServerProcess, shared_local_server
from support.server_client import DEADLINE

__all__ = ["shared_local_server"]


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """A program that takes a browser's place, and writes down what it is to show."""
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/shown\n')
    program.chmod(0o700)
    return program


def test_the_link_is_printed_opened_and_lets_in(
    shared_local_server: LocalServerProcess, browser: Path, tmp_path: Path
) -> None:
    state = ("--state-dir", str(shared_local_server.state_dir))
    done = cueworker("dashboard", "--open", *state, home=tmp_path, BROWSER=f"{browser} %s")
    assert (done.returncode, done.stderr) == (0, "It signs in one browser, once, within a minute.\n")
    link = done.stdout.strip()
    assert link.startswith(f"{shared_local_server.url}/login?token=")
    assert (tmp_path / "shown").read_text().strip() == link
    page = requests.get(link, timeout=DEADLINE)
    assert page.status_code == 200 and "Signed in" in page.text


def test_without_a_screen_no_browser_is_started(
    shared_local_server: LocalServerProcess, tmp_path: Path
) -> None:
    none = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"), "")
    state = ("--state-dir", str(shared_local_server.state_dir))
    done = cueworker("dashboard", "--open", *state, home=tmp_path, **none)
    assert done.returncode == 1 and "open the link yourself" in done.stderr
    assert "/login?token=" in done.stdout


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = cueworker("dashboard", "--state-dir", "nothing", home=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert "cueworker-supervise --local" in done.stderr and "Traceback" not in done.stderr
    assert not os.path.exists(tmp_path / "nothing")
