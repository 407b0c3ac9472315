"""YAML itself: anchors and merges, broken syntax, hostile files, files that are no files."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from cueworker.supervisor.config import ConfigError, LoadedConfig, Overrides, load_config


def load(folder: Path, content: str | bytes) -> LoadedConfig:
    path = folder / "c.yaml"
    path.touch(mode=0o600)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_config(path, Overrides(), {"HOME": str(folder), "CUEAPI_API_KEY": "cue_sk_x"})


def problems(folder: Path, content: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, content)
    return [str(problem).removeprefix(f"{folder / 'c.yaml'}:").strip() for problem in caught.value.problems]


def test_anchors_aliases_and_merge_keys(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        """\
x-quick: &quick {timeout: 5, cwd: /quick}
x-loud: &loud {timeout: 7, env: &env {LOUD: "1", MORE: "2"}}
workers: &n 3
max_concurrent: *n
kill_grace: *n
handlers:
  a: {<<: *quick, cmd: &cmd echo}
  b: {cmd: *cmd, <<: [*loud, *quick], cwd: /own}
  c:
    cmd: *cmd
    env:
      <<: *env
      MORE: "3"
  "<<": a task of that name
""",
    )
    assert (loaded.settings.workers, loaded.settings.kill_grace, loaded.warnings) == (3, 3.0, ())
    a, b, c, d = loaded.settings.handlers.values()
    assert (a.timeout, a.cwd, a.command) == (5.0, "/quick", b.command)
    assert (b.timeout, b.cwd, b.env) == (7.0, "/own", {"LOUD": "1", "MORE": "2"})
    assert (c.timeout, c.env) == (300.0, {"LOUD": "1", "MORE": "3"})
    assert d.task == "<<"


def test_a_problem_in_merged_text_points_at_the_text(tmp_path: Path) -> None:
    text = "x-all: &all\n  timeout: soon\nhandlers:\n  a: {<<: *all, cmd: echo}\n"
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("2:12: handlers.a.timeout must be")


def test_numbers_and_durations_of_yaml_1_1(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "%YAML 1.2\n---\nworkers: 010\nheartbeat_interval: 1_000\nkill_grace: 1:30\nhandler_timeout: 0x10\n"
        "shutdown_grace: 1e3\npoll_interval: 1.5\nhandlers: {a: b}\n",
    ).settings
    assert (settings.workers, settings.heartbeat_interval, settings.kill_grace) == (8, 1000.0, 90.0)
    assert (settings.handler_timeout, settings.shutdown_grace, settings.poll_interval) == (16.0, 1000.0, 1.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("handlers:\n  a: b\n\tc: d\n", "3:1: not valid YAML"),
        ("handlers:\n  a: b: c\n", "2:7: not valid YAML: mapping values are not allowed here (put quotes"),
        ("handlers: {a: b\n", "2:1: not valid YAML"),
        ("handlers: {a: *nobody}\n", "1:15: not valid YAML: found undefined alias 'nobody'"),
        ("a: 'x\n", "2:1: not valid YAML"),
        ("handlers: {a: b}\n---\nhandlers: {a: b}\n", "2:1: not valid YAML: but found another document"),
        ("handlers: {a: b}\nc: \x07\n", "2:4: character 0x7 is not allowed in YAML"),
        ("%YAML 3.0\n---\nhandlers: {a: b}\n", "1:1: not valid YAML"),
        ("[" * 2000, "1:51: nested too deeply"),
        ("? " * 2000, "1:101: nested too deeply"),
        ("a: 1\n" * 11_000, "10000:4: not valid YAML: more than 20000 values"),
        ("- a\n- b\n", "1:1: the file must hold settings (`key: value` lines), not a list; a small one"),
        ("just text\n", "1:1: the file must hold settings (`key: value` lines), not a single value; a small"),
        ("!new {a: b}\n", "1:1: there are no handlers"),
        ("", "1:1: this file is empty; a small one to begin with:\n  # cueworker.yaml\n  api_key: "),
        ("# nothing\n---\n", "3:1: the file must hold settings"),
        (
            "handlers: {a: b}\nworkers: 1\nworkers: 2\n",
            "3:1: 'workers' is set twice (the first one is in line 2",
        ),
        ("handlers: {a: b, 'a': c}\n", "1:18: 'a' is set twice (the first one is in line 1)"),
        ("handlers: {a: {cmd: b, env: {C: 1, C: 1}}}\n", "1:36: 'C' is set twice"),
        ("handlers: {a: {cmd: b, <<: c}}\n", "1:28: '<<' merges mappings only"),
        ("handlers: &h {a: b, <<: *h}\n", "1:11: this mapping merges itself"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text)[0].startswith(expected)


def test_a_tab_is_named(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "handlers:\n\ta: b\n")
    assert problem.startswith("2:1:")
    assert problem.endswith("(indent with spaces, not with tabs)")


def test_a_mapping_that_contains_itself(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "handlers: &h {a: *h}\n")
    assert problem == "1:15: handler 'a' has no command (give it cmd or argv)"


@pytest.mark.parametrize("style", ["merges", "values", "chain"])
def test_aliases_that_grow_without_end(tmp_path: Path, style: str) -> None:
    if style == "merges":
        lines = ["x-0: &m0 {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}"]
        lines += [f"x-{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 9)]
        lines += ["handlers: {a: *m8}"]
    elif style == "values":
        lines = [f"x-0: &e {{{', '.join(f'k{n}: 1' for n in range(1000))}}}", "handlers:"]
        lines += [f"  t{n}: {{cmd: echo, env: *e}}" for n in range(1000)]
    else:
        lines = ["x-0: &m0 {a: b}"] + [f"x-{n}: &m{n} {{<<: *m{n - 1}}}" for n in range(1, 2000)]
        lines += ["handlers: *m1999"]
    last = problems(tmp_path, "\n".join(lines) + "\n")[-1]
    assert "too large" in last or "too deeply" in last


def test_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    loaded = load(tmp_path, b"\xef\xbb\xbfhandlers:\r\n  a: |\r\n    one\r\n    two\r\n")
    assert loaded.settings.handlers["a"].command.script == "one\ntwo\n"  # type: ignore[union-attr]
    (problem,) = problems(tmp_path, b"\xef\xbb\xbfworkers: 0\r\nhandlers: {a: b}\r\n")
    assert problem.startswith("1:10: workers must be")


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    found = problems(tmp_path, b"\xef\xbb\xbf# gr\xc3\xbcn\nhandlers: {a: gr\xfcn}\n")
    assert found == ["2:17: byte 0xfc is not UTF-8 (save the file as UTF-8)"]


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    limit = 1024 * 1024
    text = "handlers: {a: b}\n"
    load(tmp_path, text + "#" * (limit - len(text)))
    (problem,) = problems(tmp_path, text + "#" * (limit - len(text) + 1))
    assert "larger than 1048576 bytes" in problem


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for path, expected in [
            (tmp_path, "is a directory"),
            (tmp_path / "none.yaml", "cannot be read: No such file"),
            (tmp_path / "c.yaml/x", "cannot be read"),
            (tmp_path / "fifo", "is not a regular file"),
            (tmp_path / "socket", "cannot be read"),
            (Path("/dev/null"), "is not a regular file"),
            (Path("a\0b"), "cannot be read: embedded null byte"),
            (Path("x" * 5000), "cannot be read: File name too long"),
        ]:
            with pytest.raises(ConfigError) as caught:
                load_config(path, Overrides(), {})
            (problem,) = caught.value.problems
            assert (problem.file, problem.line) == (str(path), 0)
            assert problem.message.startswith(expected)
