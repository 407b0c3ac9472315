"""`limits:` and `background:` of a handler: as people write them, and what is said where they do not hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from cueworker.pool.handler import Handler, ShellCommand
from cueworker.pool.limits import Limits
from cueworker.supervisor.config import ConfigError, Overrides, describe, load_config
from cueworker.supervisor.config_size import parse_share, parse_size
from cueworker.supervisor.enforcement import unenforced

MIB = 1024**2


def handlers(folder: Path, handler: str) -> dict[str, Handler]:
    path = folder / "c.yaml"
    path.touch(mode=0o600)
    path.write_text(f"handlers:\n  t: {handler}\n")
    loaded = load_config(path, Overrides(), {"HOME": str(folder), "CUEAPI_API_KEY": "k" * 30})
    assert not loaded.warnings
    return dict(loaded.settings.handlers)


def test_a_size() -> None:
    sizes = {
        "512M": 512 * MIB,
        "512MB": 512 * MIB,
        "512 MiB": 512 * MIB,
        "1.5g": 1536 * MIB,
        "2T": 2 * MIB**2,
        "1048576": MIB,
        "7k": 7168,
    }
    assert {text: parse_size(text) for text in sizes} == sizes
    assert {parse_size(text) for text in ("", "M", "-1M", "1P", "1e9", "9" * 50)} == {None}


def test_a_share() -> None:
    shares = {"50%": 0.5, "200 %": 2.0, "0.5%": 0.005}
    assert {text: parse_share(text) for text in shares} == shares
    assert {parse_share(text) for text in ("2", "%", "-5%")} == {None}


def test_limits_are_read(tmp_path: Path) -> None:
    found = handlers(tmp_path, "{cmd: a, limits: {memory: 512M, cpu: 50%, processes: 64}, background: leave}")
    assert found["t"].limits == Limits(memory=512 * MIB, cpu=0.5, processes=64)
    assert found["t"].background == "leave"
    assert handlers(tmp_path, "{cmd: a, limits: {memory: 1048576}}")["t"].limits == Limits(memory=MIB)
    for nothing in ("{cmd: a}", "{cmd: a, limits: }", "{cmd: a, limits: {}}", "{cmd: a, limits: {cpu: }}"):
        assert handlers(tmp_path, nothing)["t"].limits is None
        assert handlers(tmp_path, nothing)["t"].background == "kill"


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("{cmd: a, background: keep}", "2:27: handlers.t.background must be kill or leave, not 'keep'"),
        (
            "{cmd: a, limits: 512M}",
            "2:23: handlers.t.limits must be a mapping, not a single value (for example",
        ),
        (
            "{cmd: a, limits: {memory: lots}}",
            "2:32: handlers.t.limits.memory must be a size from 1M on, such as",
        ),
        (
            "{cmd: a, limits: {memory: 512}}",
            "2:32: handlers.t.limits.memory must be a size from 1M on, such as",
        ),
        (
            "{cmd: a, limits: {memory: 1.5}}",
            "2:32: handlers.t.limits.memory must be a size from 1M on, such as",
        ),
        (
            "{cmd: a, limits: {cpu: 2}}",
            "2:29: handlers.t.limits.cpu must be a percentage of one processor, such",
        ),
        ("{cmd: a, limits: {cpu: 0%}}", "2:29: handlers.t.limits.cpu must be a percentage of one processor"),
        (
            "{cmd: a, limits: {processes: 0}}",
            "2:35: handlers.t.limits.processes must be a whole number from 1",
        ),
        ("{cmd: a, limits: {processes: 1.5}}", "2:35: handlers.t.limits.processes must be a whole number"),
        (
            "{cmd: a, limits: {mem: 1G}}",
            "2:24: unknown key 'mem' in handlers.t.limits (did you mean memory?)",
        ),
        (
            "{cmd: a, limits: {colour: 1G}}",
            "2:24: unknown key 'colour' in handlers.t.limits (there are memory, cpu",
        ),
        ("{cmd: a, memory: 1G}", "2:15: unknown key 'memory' in handler 't' (memory belongs under limits)"),
    ],
)
def test_a_limit_that_is_wrong(tmp_path: Path, handler: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        handlers(tmp_path, handler)
    (problem,) = caught.value.problems
    assert str(problem).removeprefix(f"{tmp_path}/c.yaml:").startswith(expected)


def test_limits_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.touch(mode=0o600)
    path.write_text(
        "handlers:\n  t: {cmd: a, limits: {memory: 512M, cpu: 150%, processes: 64}, background: leave}\n"
    )
    text = describe(load_config(path, Overrides(), {"HOME": str(tmp_path), "CUEAPI_API_KEY": "k" * 30}))
    assert "  background    leave\n" in text
    assert "  limits        memory 536,870,912 bytes, cpu 150% of one processor, processes 64" in text


def test_what_does_not_hold_is_named_by_task() -> None:
    limited = Handler(
        task="limited", command=ShellCommand("a"), timeout=1, limits=Limits(cpu=0.5, processes=3)
    )
    leaving = Handler(task="leaving", command=ShellCommand("a"), timeout=1, background="leave")
    plain = Handler(task="plain", command=ShellCommand("a"), timeout=1)
    every = (limited, leaving, plain)
    assert list(unenforced(every, True, frozenset({"cpu", "pids", "memory"}))) == []
    assert list(unenforced(every, True, frozenset({"cpu"}))) == [("limited", "processes is not enforced")]
    assert list(unenforced(every, False, frozenset())) == [
        ("limited", "cpu is not enforced, processes is not enforced"),
        ("leaving", "what it leaves in the background is killed in spite of `background: leave`"),
    ]
