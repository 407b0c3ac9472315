"""`cueworker` itself: its help, its version, and subcommands that are imported when they are called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import cueworker
from support.repository import project

SUBCOMMANDS = ["start", "check", "enqueue", "serve", "install-service", "uninstall-service"]


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_subcommand_and_how_to_begin(tmp_path: Path, option: str) -> None:
    done = cueworker(option, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: cueworker ")
    listed = [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines() if line]
    assert listed == SUBCOMMANDS
    assert "cueworker-supervise --local" in done.stdout


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_each_subcommand_has_help(tmp_path: Path, name: str) -> None:
    done = cueworker(name, "--help", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: cueworker {name} ")
    assert "Options:" in done.stdout


def test_start_is_cueworker_supervise(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("cueworker-supervise")
    own = subprocess.run([str(script), "--help"], capture_output=True, text=True, check=True)
    alias = cueworker("start", "--help", home=tmp_path)
    assert own.stdout.split("\n", 1)[1].split() == alias.stdout.split("\n", 1)[1].split()
    assert own.stdout.startswith("Usage: cueworker-supervise ")


def test_the_version_is_the_projects(tmp_path: Path) -> None:
    assert (
        cueworker("--version", home=tmp_path).stdout
        == f"cueworker, version {project()['project']['version']}\n"
    )


@pytest.mark.parametrize("arguments", [["nonsense"], ["check", "--nonsense"], ["enqueue"], ["serve"]])
def test_a_wrong_command_line_is_told_from_a_failure(tmp_path: Path, arguments: list[str]) -> None:
    done = cueworker(*arguments, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr and "Traceback" not in done.stderr


def test_help_imports_no_subcommand() -> None:
    program = (
        "import sys, contextlib, io\n"
        "from cueworker.cli import main\n"
        "sys.argv[1:] = ['--help']\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main()\n"
        "print(sorted({'requests', 'ruamel', 'multiprocess', 'starlette', 'psutil'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
