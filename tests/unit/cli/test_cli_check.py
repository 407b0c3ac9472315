"""`cueworker check`: what would run, everything that is wrong, and an exit code to build on."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import Done, cueworker
from support.repository import ROOT

KEY = "cue_sk_0123456789abcdef0123456789abcdef"


def check(home: Path, text: str, *options: str, **env: str) -> Done:
    path = home / "cueworker.yaml"
    path.touch(mode=0o600)
    path.write_text(text)
    return cueworker("check", *options, home=home, **env)


def test_a_good_configuration_is_shown(tmp_path: Path) -> None:
    done = check(tmp_path, f"api_key: {KEY}\nworker_id: lamp\nhandlers: {{hello: echo hello}}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"configuration   {tmp_path / 'cueworker.yaml'}" in done.stdout
    assert "handler hello" in done.stdout and "echo hello" in done.stdout
    assert KEY not in done.stdout


def test_every_error_is_shown_with_its_place(tmp_path: Path) -> None:
    done = check(
        tmp_path, f"api_key: {KEY}\nworkers: many\npoll_interval: -1\nhandlers: {{hello: echo hello}}\n"
    )
    path = tmp_path / "cueworker.yaml"
    assert (done.returncode, done.stdout) == (78, "")
    assert f"{path}:2:10: " in done.stderr and f"{path}:3:16: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_command_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    done = check(
        tmp_path, f"api_key: {KEY}\nhandlers:\n  good: echo hello\n  bad: echo `date` {{{{ payload.x }}}}\n"
    )
    assert (done.returncode, done.stderr) == (78, "")
    assert "handler good" in done.stdout
    assert f"{tmp_path / 'cueworker.yaml'}:4:" in done.stdout
    assert "handler 'bad' is refused" in done.stdout and "env:" in done.stdout


def test_a_warning_is_no_error(tmp_path: Path) -> None:
    done = check(tmp_path, f"api_key: {KEY}\ncolour: green\nhandlers: {{hello: echo hello}}\n")
    assert done.returncode == 0
    assert "unknown key 'colour'" in done.stdout


def test_without_a_file_the_places_are_listed(tmp_path: Path) -> None:
    done = cueworker("check", home=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert "$CUEWORKER_CONFIG" in done.stderr and str(tmp_path / "cueworker.yaml") in done.stderr


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = cueworker("check", "--config", "nowhere.yaml", home=tmp_path)
    assert done.returncode == 78
    assert str(tmp_path / "nowhere.yaml") in done.stderr


def test_a_key_is_needed_except_for_a_local_pool(tmp_path: Path) -> None:
    text = "handlers: {hello: echo hello}\n"
    without = check(tmp_path, text)
    assert without.returncode == 78
    assert "CUEAPI_API_KEY" in without.stderr
    assert check(tmp_path, text, "--local").returncode == 0
    assert check(tmp_path, text, CUEAPI_API_KEY=KEY).returncode == 0


def test_options_are_checked_as_they_would_be_used(tmp_path: Path) -> None:
    done = check(
        tmp_path,
        f"api_key: {KEY}\nworkers: 2\nhandlers: {{hello: echo hello}}\n",
        *("--workers", "9", "--state-dir", "elsewhere", "--worker-id", "lamp-2"),
    )
    shown = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert (done.returncode, shown["workers"]) == (0, "9")
    assert "lamp-2" in done.stdout and "elsewhere" in done.stdout


@pytest.mark.parametrize("text", ["", "handlers:\n", "[]", "handlers: {a: b", "\0", "handlers: {a: [}"])
def test_no_file_is_so_odd_that_it_ends_in_a_traceback(tmp_path: Path, text: str) -> None:
    done = check(tmp_path, text, "--local")
    assert (done.returncode, done.stdout) == (78, "")
    assert "cueworker.yaml" in done.stderr and "Traceback" not in done.stderr


def test_the_example_is_good(tmp_path: Path) -> None:
    example = ROOT / "examples" / "cueworker.yaml"
    done = cueworker("check", "--config", str(example), "--local", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "warnings" not in done.stdout
