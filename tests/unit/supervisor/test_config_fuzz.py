"""Whatever a file holds, loading it gives settings or ConfigError, and never shows the key (promise 6)."""

from __future__ import annotations

import os
from pathlib import Path

from cueworker.supervisor.config import ConfigError, Overrides, describe, load_config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SOAK = bool(os.environ.get("CUEWORKER_SOAK"))
FUZZ = settings(
    max_examples=10_000 if SOAK else 80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KEY = "cue_sk_0123456789abcdef0123456789abcdef"
GOOD = f"""\
%YAML 1.1
---
api_key: &key {KEY}
worker_id: "lamp"
poll_interval: auto
workers: 0x8
kill_grace: 1_0.5
shutdown_grace: 1h30m
state_dir: ~/state
x-all: &all {{timeout: 5m, env: {{A: 'it''s', B: "\\u00e4\\n", C: yes, D: 2024-01-01, E: 1:30}}}}
handlers:
  one: echo {{{{ payload.a.b }}}} "$HOME"
  two:
    <<: [*all, {{cwd: ~}}]
    cmd: |  # a block
      set -e
      echo "{{{{ payload.x }}}}" '{{{{ payload.y }}}}' $(date)
  three: {{argv: [a, !!str b, "{{{{ payload.c }}}}", 1.10], on_lease_lost: finish}}
  4:
    templates: paste
    cmd: >-
      folded
      text {{{{ payload.z }}}}
"""
TOKENS = (
    *(
        "api_key",
        "workers",
        "handlers",
        "cmd",
        "argv",
        "env",
        "cwd",
        "timeout",
        "templates",
        "<<: *a",
        "&a",
        "*a",
    ),
    *(
        ":",
        "-",
        "?",
        ",",
        "[",
        "]",
        "{",
        "}",
        "&",
        "*",
        "!",
        "!!",
        "!!int",
        "!!binary",
        "|",
        ">",
        "|2",
        ">-",
        "'",
    ),
    *(
        '"',
        "#",
        "%",
        "%YAML",
        "@",
        "`",
        "~",
        "null",
        "yes",
        "010",
        "1e9",
        ".inf",
        "2024-01-01",
        "12:30",
        "{{",
    ),
    *("}}", "{{payload.x}}", "$(", ")", "\\", "\\x41", "\\ud800", "\t", "\r", "\0", "\x85", "\u2028"),
    *("\ufeff", "\ufffe", "\U0001f600", "é", "---", "..."),
)
YAMLISH = st.lists(st.sampled_from([*TOKENS, "\n", "\n  ", " ", "\n    ", "a: b"]), max_size=40).map("".join)


def check(folder: Path, content: bytes) -> None:
    path = folder / "c.yaml"
    path.touch(mode=0o600)
    path.write_bytes(content)
    try:
        loaded = load_config(path, Overrides(), {"HOME": str(folder), "CUEAPI_API_KEY": KEY})
    except ConfigError as error:
        assert error.problems
        assert KEY not in str(error)
        for problem in error.problems:
            assert problem.message.strip()
            str(problem).encode()
        return
    assert loaded.settings.handlers
    text = describe(loaded)
    text.encode()
    assert loaded.settings.api_key not in text or len(loaded.settings.api_key) < 8
    for problem in loaded.warnings + loaded.refused:
        assert problem.line >= 1
        assert problem.column >= 1


def test_the_good_file_is_good(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(GOOD)
    loaded = load_config(path, Overrides(), {"HOME": str(tmp_path)})
    assert len(loaded.settings.handlers) == 4
    assert loaded.refused == ()


@FUZZ
@given(YAMLISH)
def test_text_that_looks_like_yaml(tmp_path: Path, text: str) -> None:
    check(tmp_path, text.encode("utf-8", "surrogatepass"))


@FUZZ
@given(YAMLISH)
def test_values_that_look_like_yaml(tmp_path: Path, text: str) -> None:
    check(tmp_path, f"handlers:\n  a: {text}\n  b: c\n".encode("utf-8", "surrogatepass"))


@FUZZ
@given(st.binary(max_size=200))
def test_bytes(tmp_path: Path, content: bytes) -> None:
    check(tmp_path, content)


@FUZZ
@given(st.data())
def test_a_good_file_with_damage(tmp_path: Path, data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        put = data.draw(st.sampled_from(TOKENS) | st.text(max_size=3))
        text = text[:start] + put + text[end:]
    check(tmp_path, text.encode("utf-8", "surrogatepass"))
