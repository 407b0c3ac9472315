"""Files that load: the existing daemon's shapes unchanged, the new settings, what wins over what."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from cueworker.pool.handler import ArgvCommand, PastedCommand, ShellCommand
from cueworker.pool.recycling import Limits
from cueworker.supervisor.config import LoadedConfig, Overrides, load_config

KEY = "cue_sk_0123456789abcdef0123456789abcdef"
OLDER = f"""\
# How the daemon was set up on this machine
api_key: {KEY}
api_base: https://cue.example.org/
worker_id: desk-lamp
email: someone@example.org
poll_interval: 5
heartbeat_interval: 45
max_concurrent: 6
handler_timeout: 600

handlers:
  # one line is a shell command
  nightly-dump: "dump_all > /var/tmp/dump-$(date +%F).sql"

  make-report:
    cmd: "python3 report.py --kind {{{{ payload.kind }}}}"
    cwd: "~/reports"
    timeout: 120
    env:
      CUSTOMER: "{{{{ payload.customer.name }}}}"
      PATH: "/opt/bin:${{PATH}}"
      LIMIT: 20

  long-script:
    cmd: |
      set -e
      cd build
      make
    cwd: site
"""


def load(
    folder: Path, text: str, overrides: Overrides | None = None, environ: dict[str, str] | None = None
) -> LoadedConfig:
    path = folder / "cueworker.yaml"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    environ = {"HOME": str(folder)} if environ is None else environ
    return load_config(path, overrides or Overrides(), environ)


def minimal(*lines: str) -> str:
    return "\n".join((f"api_key: {KEY}", *lines, "handlers: {say: echo hello}", ""))


def test_a_file_of_the_existing_daemon_loads_unchanged(tmp_path: Path) -> None:
    loaded = load(tmp_path, OLDER)
    settings = loaded.settings
    assert (loaded.warnings, loaded.refused, loaded.path) == ((), (), tmp_path / "cueworker.yaml")
    assert settings.api_key == KEY
    assert settings.api_base == "https://cue.example.org"
    assert (settings.worker_id, settings.email) == ("desk-lamp", "someone@example.org")
    assert (settings.poll_interval, settings.heartbeat_interval) == (5.0, 45.0)
    assert (settings.workers, settings.handler_timeout) == (6, 600.0)
    assert list(settings.handlers) == ["nightly-dump", "make-report", "long-script"]

    dump, report, script = settings.handlers.values()
    assert dump.command == ShellCommand("dump_all > /var/tmp/dump-$(date +%F).sql")
    assert (dump.timeout, dump.cwd, dump.env, dump.base_dir) == (600.0, None, {}, str(tmp_path))
    assert report.command == ShellCommand(
        'python3 report.py --kind "${CUEWORKER_T1}"', (("CUEWORKER_T1", "payload.kind"),)
    )
    assert (report.timeout, report.cwd) == (120.0, str(tmp_path / "reports"))
    assert report.env == {
        "CUSTOMER": "{{ payload.customer.name }}",
        "PATH": "/opt/bin:${PATH}",
        "LIMIT": "20",
    }
    assert script.command == ShellCommand("set -e\ncd build\nmake\n")
    assert (script.cwd, script.base_dir) == ("site", str(tmp_path))


def test_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, minimal("worker_id: w")).settings
    assert settings.api_base == "https://api.cueapi.ai"
    assert (settings.workers, settings.poll_interval, settings.email) == (4, None, None)
    assert (settings.heartbeat_interval, settings.handler_timeout) == (30.0, 300.0)
    assert (settings.shutdown_grace, settings.kill_grace) == (30.0, 5.0)
    assert settings.handlers["say"].timeout == 300.0
    assert settings.handlers["say"].on_lease_lost == "kill"


def test_the_new_settings(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        f"""\
api_key: {KEY}
worker_id: w
poll_interval: auto
workers: 3
max_concurrent: 9
shutdown_grace: 2m
kill_grace: 0
handler_timeout: 1h
on_lease_lost: finish
handlers:
  plain: {{argv: [convert, "{{{{ payload.file }}}}", -resize, 10, 1.10, yes, ""]}}
  pasted: {{cmd: "run {{{{ payload.x }}}}", templates: paste, timeout: 1.5, on_lease_lost: kill}}
""",
    ).settings
    assert (settings.workers, settings.poll_interval) == (3, None)
    assert (settings.shutdown_grace, settings.kill_grace, settings.handler_timeout) == (120.0, 0.0, 3600.0)
    plain, pasted = settings.handlers["plain"], settings.handlers["pasted"]
    assert plain.command == ArgvCommand(("convert", "{{ payload.file }}", "-resize", "10", "1.10", "yes", ""))
    assert (plain.timeout, plain.on_lease_lost) == (3600.0, "finish")
    assert pasted.command == PastedCommand("run {{ payload.x }}")
    assert (pasted.timeout, pasted.on_lease_lost) == (1.5, "kill")


def test_pasting_draws_a_warning_only_where_something_is_pasted(tmp_path: Path) -> None:
    text = f"api_key: {KEY}\nhandlers:\n  t:\n    templates: paste\n    cmd: echo "
    (warning,) = load(tmp_path, text + "{{ payload.x }}\n").warnings
    assert (warning.line, warning.column) == (4, 5)
    assert "can run commands" in warning.message
    assert load(tmp_path, text + "hello\n").warnings == ()


@pytest.mark.parametrize(
    ("lines", "option", "workers"),
    [
        ((), None, 4),
        (("max_concurrent: 7",), None, 7),
        (("max_concurrent: 7", "workers: 2"), None, 2),
        (("max_concurrent: 7", "workers: 2"), 1, 1),
        (("workers:",), None, 4),
    ],
)
def test_which_number_of_workers_wins(
    tmp_path: Path, lines: tuple[str, ...], option: int | None, workers: int
) -> None:
    assert load(tmp_path, minimal(*lines), Overrides(workers=option)).settings.workers == workers


def test_options_win_over_the_file(tmp_path: Path) -> None:
    overrides = Overrides(
        workers=2,
        state_dir=tmp_path / "elsewhere",
        worker_id="other",
        api_key="cue_sk_other",
        api_base="http://127.0.0.1:1234/v1",
    )
    text = minimal("worker_id: w", "state_dir: here", "workers: 9", "api_base: https://cue.example.org")
    loaded = load(tmp_path, text, overrides)
    settings = loaded.settings
    assert (settings.workers, settings.worker_id) == (2, "other")
    assert settings.state_dir == tmp_path / "elsewhere"
    assert (settings.api_key, settings.api_base) == ("cue_sk_other", "http://127.0.0.1:1234")
    assert loaded.warnings == ()


def test_an_empty_setting_counts_as_left_out(tmp_path: Path) -> None:
    text = minimal("email:", "poll_interval: ~", "workers: null", "state_dir: ''", "worker_id: w")
    loaded = load(tmp_path, text)
    assert (loaded.settings.email, loaded.settings.poll_interval, loaded.settings.workers) == (None, None, 4)
    assert loaded.settings.state_dir == tmp_path / ".local/state/cueworker/w"
    handler = load(
        tmp_path, f"api_key: {KEY}\nhandlers:\n  t:\n    cmd: x\n    cwd:\n    env:\n    timeout:\n"
    )
    assert handler.settings.handlers["t"].cwd is None
    assert handler.settings.handlers["t"].env == {}


def test_names_are_taken_as_written(tmp_path: Path) -> None:
    settings = load(
        tmp_path, f"api_key: {KEY}\nworker_id: 007\nhandlers: {{1: a, 010: b, on: c, 1.10: d, ~: e}}\n"
    ).settings
    assert settings.worker_id == "007"
    assert list(settings.handlers) == ["1", "010", "on", "1.10", "~"]
    assert settings.handlers["on"].task == "on"


def test_a_worker_without_a_name_is_called_like_its_host(tmp_path: Path) -> None:
    assert load(tmp_path, minimal()).settings.worker_id == socket.gethostname()


def test_a_refused_handler_leaves_the_others(tmp_path: Path) -> None:
    text = f"api_key: {KEY}\nhandlers:\n  good: echo\n  bad: 'echo `date` {{{{ payload.x }}}}'\n"
    loaded = load(tmp_path, text)
    assert list(loaded.settings.handlers) == ["good"]
    (refused,) = loaded.refused
    assert (refused.line, refused.column) == (4, 14)
    assert "'bad' is refused" in refused.message
    assert refused.remedy is not None
    assert "{{ payload.x }}" in refused.remedy


def test_keys_of_the_writers_own_and_unknown_ones(tmp_path: Path) -> None:
    loaded = load(tmp_path, minimal("x-note: {a: [1]}", "log_level: debug"))
    (warning,) = loaded.warnings
    assert (warning.line, warning.column) == (3, 1)
    assert "'log_level'" in warning.message
    assert "ignored" in warning.message


@pytest.mark.parametrize(
    ("mode", "key", "warned"),
    [(0o644, KEY, True), (0o640, KEY, True), (0o600, KEY, False), (0o644, "''", False)],
)
def test_a_key_that_others_can_read_draws_a_warning(
    tmp_path: Path, mode: int, key: str, warned: bool
) -> None:
    path = tmp_path / "cueworker.yaml"
    path.write_text(f"# mine\napi_key: {key}\nhandlers: {{a: b}}\n")
    path.chmod(mode)
    loaded = load_config(path, Overrides(), {"HOME": str(tmp_path), "CUEAPI_API_KEY": "cue_sk_x"})
    found = [(warning.line, warning.column, warning.remedy) for warning in loaded.warnings]
    assert found == ([(2, 10, f"chmod 600 {path}")] if warned else [])


def test_a_key_that_looks_like_a_variable_draws_a_warning(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, "api_key: ${CUE_KEY}\nhandlers: {a: b}\n").warnings
    assert "taken as written" in warning.message


@pytest.mark.parametrize(
    ("api_base", "warned"),
    [
        ("http://cue.example.org", True),
        ("http://10.0.0.7:8000", True),
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000", False),
        ("http://[::1]:8000", False),
        ("https://cue.example.org", False),
    ],
)
def test_a_key_sent_in_the_clear_draws_a_warning(tmp_path: Path, api_base: str, warned: bool) -> None:
    loaded = load(tmp_path, minimal(f"api_base: '{api_base}'"))
    assert loaded.settings.api_base == api_base
    assert [(warning.line, warning.column) for warning in loaded.warnings] == ([(2, 11)] if warned else [])


def test_a_relative_path_to_the_file_gives_an_absolute_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(minimal("state_dir: state"))
    settings = load_config(Path("c.yaml"), Overrides(), {"HOME": "/"}).settings
    assert settings.state_dir == tmp_path / "state"
    assert settings.handlers["say"].base_dir == str(tmp_path)


def test_when_a_worker_is_replaced(tmp_path: Path) -> None:
    settings = load(tmp_path, minimal("max_executions: 1000", "max_memory: 512M", "max_age: 1d")).settings
    assert settings.limits == Limits(executions=1000, memory=512 << 20, age=86400.0)
    assert load(tmp_path, minimal()).settings.limits == Limits()
    assert load(tmp_path, minimal("max_memory: 536870912")).settings.limits.memory == 512 << 20
