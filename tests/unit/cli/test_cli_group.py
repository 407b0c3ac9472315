"""`cueworker` itself: its help, its version, and subcommands that are imported when they are called."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from cueworker.cli.group import cueworker as cli
from support.cli import cueworker
from support.repository import project

SUBCOMMANDS = cli.list_commands(click.Context(cli))


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_subcommand_and_how_to_begin(tmp_path: Path, option: str) -> None:
    done = cueworker(option, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: cueworker ")
    after_options = done.stdout.partition("Options:\n")[2].partition("\n\n")[2]
    listed = re.findall(r"^  ([a-z-]+) ", after_options, re.MULTILINE)
    assert listed == SUBCOMMANDS
    assert {"start", "check", "enqueue", "serve"} <= set(listed)
    assert "cueworker-supervise --local" in done.stdout


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """A command's words, and those of all that it has below it."""
    yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            yield from commands(below, *path, name)


@pytest.mark.parametrize("words", [words for words in commands(cli) if words], ids=" ".join)
def test_the_help_of_each_command_stands_alone(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, [*words, "--help"], prog_name="cueworker")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: cueworker {' '.join(words)} ")
    assert "Options:" in done.stdout
    examples = re.findall(r"^    (?:eval .\$\()?(cueworker\S*.*)$", done.stdout, re.MULTILINE)
    assert examples and all(" " in example for example in examples)


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
