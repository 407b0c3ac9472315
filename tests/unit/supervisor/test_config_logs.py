"""`log:`, `execution_logs:`, `secrets:`, `redact:` and sizes: what they come to, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from cueworker.pool.log_settings import ExecutionLogs, LogSettings
from cueworker.pool.settings import Settings
from cueworker.supervisor.config import ConfigError, Overrides, describe, load_config
from cueworker.supervisor.config_size import parse_size

KEY = "cue_sk_0123456789abcdef0123456789abcdef"


def load(folder: Path, *lines: str, overrides: Overrides | None = None, **environ: str) -> Settings:
    path = folder / "cueworker.yaml"
    path.touch(mode=0o600)
    path.write_text("\n".join((f"api_key: {KEY}", *lines, "handlers: {say: echo hello}", "")))
    return load_config(path, overrides or Overrides(), {"HOME": str(folder), **environ}).settings


def test_without_a_word_handlers_output_is_kept_for_a_week_and_secrets_are_taken_out(tmp_path: Path) -> None:
    settings = load(tmp_path, "state_dir: state")
    assert settings.log == LogSettings(level="info", format="auto", file=None)
    assert settings.execution_logs == ExecutionLogs(keep=7 * 86400.0, max_size=10 << 20)
    assert (settings.redact, settings.secrets) == (True, ())
    assert settings.logs == tmp_path / "state" / "logs"
    assert load(tmp_path, LOGS_DIRECTORY="/var/log/pool:/var/log/other").logs == Path("/var/log/pool")
    assert load(tmp_path, LOGS_DIRECTORY="relative").logs_dir is None


def test_everything_said(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "log: {format: json, file: logs/pool.log, level: debug, max_size: 1.5M, max_age: 1d, keep: 9}",
        "execution_logs: {keep: 36h, max_size: 512K}",
        "secrets: [PIN, MY_VALUE]",
        "redact: false",
    )
    assert settings.log == LogSettings(
        format="json",
        file=tmp_path / "logs" / "pool.log",
        level="debug",
        max_size=3 << 19,
        max_age=86400.0,
        keep=9,
    )
    assert settings.execution_logs == ExecutionLogs(keep=36 * 3600.0, max_size=512 << 10)
    assert (settings.secrets, settings.redact) == (("PIN", "MY_VALUE"), False)


def test_check_shows_where_the_log_is_and_that_secrets_stay(tmp_path: Path) -> None:
    path = tmp_path / "cueworker.yaml"
    path.touch(mode=0o600)
    path.write_text(
        f"api_key: {KEY}\nlog: {{file: /var/log/pool.log}}\nredact: no\nhandlers: {{say: echo}}\n"
    )
    text = describe(load_config(path, Overrides(), {"HOME": str(tmp_path)}))
    assert "log file        /var/log/pool.log\n" in text
    assert "redact          false: " in text


def test_the_command_line_wins(tmp_path: Path) -> None:
    overrides = Overrides(log_level="error", log_format="text", log_file=Path("/var/log/other.log"))
    settings = load(tmp_path, "log: {format: json, file: pool.log, keep: 2}", overrides=overrides)
    assert settings.log == LogSettings(format="text", file=Path("/var/log/other.log"), level="error", keep=2)


@pytest.mark.parametrize(
    ("line", "expected"), [("false", None), ("no", None), ("true", ExecutionLogs()), ("", ExecutionLogs())]
)
def test_execution_logs_can_be_switched_off(
    tmp_path: Path, line: str, expected: ExecutionLogs | None
) -> None:
    assert load(tmp_path, f"execution_logs: {line}").execution_logs == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("log: pool.log", "2:6: log must be a mapping, not a single value"),
        ("log: {format: xml}", "log.format must be auto, text or json, not 'xml'"),
        ("log: {levle: info}", "unknown key 'levle' in log (did you mean level?)"),
        ("log: {max_size: 10}", "log.max_size must be a size from 4K on"),
        ("log: {max_size: ten}", "log.max_size must be a size from 4K on"),
        ("log: {keep: -1}", "log.keep must be a whole number from 0 to 1000"),
        ("execution_logs: 7d", "execution_logs must be a mapping or false, not a single value"),
        ("execution_logs: {keep: soon}", "execution_logs.keep must be a number of seconds above 0"),
        ("secrets: PIN", "secrets must be a list of names of environment variables"),
        ("secrets: [hunter2-hunter2]", "an entry of secrets is no name of an environment variable"),
        ("redact: maybe", "redact must be true or false"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy_and_never_shows_a_secret(
    tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, line)
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("512K", 524288),
        ("512k", 524288),
        ("10M", 10 << 20),
        ("1.5G", 3 << 29),
        ("10 MB", 10 << 20),
        ("10MiB", 10 << 20),
        ("2T", 2 << 40),
        (" 1K ", 1024),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "10X", "-1K", "1e3", "1,5M", "9" * 5000, "10M M", "١K"])
def test_what_is_no_size(text: str) -> None:
    assert parse_size(text) is None
