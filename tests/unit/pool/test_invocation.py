"""What is started for an execution, and that no more is promised than the kernel takes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cueworker.pool import ArgvCommand, CouldNotStart, Handler, PastedCommand, ShellCommand
from cueworker.pool.handler import Command
from cueworker.pool.invocation import (
    MAX_STRING,
    SHELL,
    Facts,
    Invocation,
    Surroundings,
    build,
    total_limit_of,
)
from cueworker.pool.run import stack_limit
from hypothesis import given
from hypothesis import strategies as st

ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/home/ada", "SECRET": "s3cret"}
TRUE = ArgvCommand(("/bin/true",))
EIGHT_MEGABYTES = 8 << 20


def handler(command: Command = TRUE, **changes: Any) -> Handler:
    return replace(Handler(task="report", command=command, timeout=5.0), **changes)


def facts(payload: Any = None, **changes: Any) -> Facts:
    made = Facts(
        execution_id="e-1",
        cue_id="cue-1",
        cue_name="a cue",
        worker_id="w-1",
        payload={} if payload is None else payload,
        api_key="cue_sk_x",
        base_url="http://127.0.0.1:8000",
        outcome_file="/state/outcome.json",
        payload_file="/state/payload.json",
        marker=("CUEWORKER_EXECUTION", "e-1@/state"),
    )
    return replace(made, **changes)


def built(
    handler: Handler,
    facts: Facts,
    environ: Mapping[str, str] = ENVIRON,
    stack: int = EIGHT_MEGABYTES,
) -> Invocation:
    return build(handler, facts, Surroundings(environ, stack))


def kernel_takes(argv: tuple[str, ...], env: Mapping[str, str]) -> bool:
    """Whether the program can really be started."""
    try:
        return subprocess.run(argv, env=dict(env), check=False).returncode == 0
    except OSError as error:
        assert error.errno == errno.E2BIG
        return False


def test_a_handler_is_told_everything_about_its_execution() -> None:
    payload = {"task": "report", "n": [1, None], "name": "Ada – 報告"}
    env = built(handler(), facts(payload)).env
    assert json.loads(env["CUEAPI_PAYLOAD"]) == payload
    told = {name: value for name, value in env.items() if name not in ENVIRON and name != "CUEAPI_PAYLOAD"}
    assert told == {
        "CUEAPI_EXECUTION_ID": "e-1",
        "CUEAPI_CUE_ID": "cue-1",
        "CUEAPI_CUE_NAME": "a cue",
        "CUEAPI_WORKER_ID": "w-1",
        "CUEAPI_API_KEY": "cue_sk_x",
        "CUEAPI_BASE_URL": "http://127.0.0.1:8000",
        "CUEAPI_OUTCOME_FILE": "/state/outcome.json",
        "CUEAPI_PAYLOAD_FILE": "/state/payload.json",
        "CUEWORKER_EXECUTION": "e-1@/state",
    }


def test_a_handler_inherits_the_pools_environment() -> None:
    env = built(handler(), facts(), {**ENVIRON, "CUEAPI_API_KEY": "old", "CUEAPI_EXECUTION_ID": "outer"}).env
    assert ENVIRON.items() <= env.items()
    assert (env["CUEAPI_API_KEY"], env["CUEAPI_EXECUTION_ID"]) == ("cue_sk_x", "e-1")


def test_what_is_the_pools_alone_does_not_reach_a_handler() -> None:
    alone = {
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "WATCHDOG_PID": "1",
        "WATCHDOG_USEC": "1",
        "LISTEN_FDS": "1",
        "LISTEN_PID": "1",
        "LISTEN_FDNAMES": "x",
        "CREDENTIALS_DIRECTORY": "/run/credentials",
    }
    alike = {"MY_NOTIFY_SOCKET": "1", "NOTIFY_SOCKETS": "1", "LISTENER": "1", "WATCHDOG": "1"}
    env = built(handler(env={"LEAK": "${NOTIFY_SOCKET}"}), facts(), {**ENVIRON, **alone, **alike}).env
    assert not alone.keys() & env.keys()
    assert alike.items() <= env.items()
    assert env["LEAK"] == ""


def test_env_is_resolved_in_one_pass_and_comes_on_top() -> None:
    payload = {"name": "${SECRET} {{ payload.other }}", "other": "x"}
    env = built(
        handler(
            env={
                "GREETING": "{{ payload.name }} from ${HOME}",
                "PATH": "/opt:${PATH}",
                "CUEAPI_CUE_ID": "mine",
            }
        ),
        facts(payload),
    ).env
    assert env["GREETING"] == "${SECRET} {{ payload.other }} from /home/ada"
    assert env["PATH"] == "/opt:/usr/bin:/bin"
    assert env["CUEAPI_CUE_ID"] == "mine"


def test_a_shell_command_gets_values_through_the_environment_only() -> None:
    command = ShellCommand('echo "${CUEWORKER_T1}"', (("CUEWORKER_T1", "payload.name"),))
    hostile = '"; touch pwned #'
    made = built(handler(command, env={"CUEWORKER_T1": "shadowed"}), facts({"name": hostile}))
    assert made.argv == (SHELL, "-c", 'echo "${CUEWORKER_T1}"')
    assert made.env["CUEWORKER_T1"] == hostile


def test_an_argument_stays_one_argument() -> None:
    command = ArgvCommand(("convert", "--name={{ payload.name }}", "{{ payload.none }}", "${HOME}"))
    assert built(handler(command), facts({"name": "a b 'c'\n"})).argv == (
        "convert",
        "--name=a b 'c'\n",
        "",
        "${HOME}",
    )


def test_a_pasted_command_is_what_it_says() -> None:
    assert built(handler(PastedCommand("echo {{ payload.x }}")), facts({"x": "$(id)"})).argv == (
        SHELL,
        "-c",
        "echo $(id)",
    )


@pytest.mark.parametrize("payload", [[1], "text", 7, None])
def test_a_payload_that_is_no_object_has_no_paths(payload: Any) -> None:
    made = built(handler(ArgvCommand(("echo", "{{ payload.x }}"))), replace(facts(), payload=payload))
    assert made.argv == ("echo", "")
    assert json.loads(made.env["CUEAPI_PAYLOAD"]) == payload


def test_a_working_directory_may_be_relative_to_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")

    def cwd(text: str | None, **payload: str) -> str | None:
        return built(handler(cwd=text, base_dir="/etc/pool"), facts(payload)).cwd

    assert cwd(None) is None
    assert cwd("site") == "/etc/pool/site"
    assert cwd("/srv") == "/srv"
    assert cwd("~/site") == "/home/ada/site"
    assert cwd("sites/{{ payload.name }}", name="a b") == "/etc/pool/sites/a b"


# Sizes. The kernel is asked, since it has the last word.


def test_the_largest_variable_is_what_the_kernel_takes_and_one_more_byte_is_refused_by_both() -> None:
    room = MAX_STRING - len("BIG=") - 1
    bindings = ShellCommand("true", (("BIG", "payload.big"),))
    fits = built(handler(bindings, env={"SMALL": "1"}), facts({"big": "x" * room}))
    assert len(fits.env["BIG"]) == room
    assert kernel_takes(fits.argv, fits.env)
    with pytest.raises(
        CouldNotStart, match=r"environment variable BIG is 131,073 bytes.*CUEAPI_PAYLOAD_FILE"
    ):
        built(handler(bindings), facts({"big": "x" * (room + 1)}))
    assert not kernel_takes(fits.argv, {**fits.env, "BIG": "x" * (room + 1)})


def test_the_largest_argument_is_what_the_kernel_takes_and_one_more_byte_is_refused_by_both() -> None:
    command = ArgvCommand(("/bin/true", "{{ payload.big }}"))
    room = MAX_STRING - 1
    fits = built(handler(command), facts({"big": "x" * room}))
    assert kernel_takes(fits.argv, fits.env)
    with pytest.raises(CouldNotStart, match=r"argument 1 is 131,073 bytes.*CUEAPI_PAYLOAD_FILE"):
        built(handler(command), facts({"big": "x" * (room + 1)}))
    assert not kernel_takes(("/bin/true", "x" * (room + 1)), fits.env)


def test_sizes_are_bytes_not_characters() -> None:
    room = (MAX_STRING - len("BIG=") - 1) // 2
    made = built(handler(env={"BIG": "{{ payload.big }}"}), facts({"big": "é" * room}))
    assert kernel_takes(made.argv, made.env)
    with pytest.raises(CouldNotStart, match="BIG"):
        built(handler(env={"BIG": "{{ payload.big }}"}), facts({"big": "é" * (room + 1)}))


def test_a_payload_that_does_not_fit_is_left_out_at_the_exact_boundary() -> None:
    frame = len(json.dumps({"x": ""}))
    room = MAX_STRING - len("CUEAPI_PAYLOAD=") - 1 - frame
    outer = {**ENVIRON, "CUEAPI_PAYLOAD": "the outer pool's"}
    fits = built(handler(), facts({"x": "y" * room}), outer)
    assert len(fits.env["CUEAPI_PAYLOAD"]) == frame + room
    assert kernel_takes(fits.argv, fits.env)
    assert "CUEAPI_PAYLOAD" not in built(handler(), facts({"x": "y" * (room + 1)}), outer).env


def test_all_together_may_be_as_large_as_the_kernel_takes() -> None:
    """Filled up to our own limit, the program must start; one byte more is refused with words."""
    environ = {
        **ENVIRON,
        **{f"FILL_{n}": "x" * 100_000 for n in range(total_limit_of(stack_limit()) // 100_100)},
    }

    def with_last(size: int) -> Invocation:
        return built(
            handler(ArgvCommand(("/bin/true", "{{ payload.last }}"))),
            facts({"last": "x" * size}, payload_file="/state/payload.json"),
            environ,
            stack_limit(),
        )

    low, high = 0, MAX_STRING
    while high - low > 1:
        middle = (low + high) // 2
        try:
            with_last(middle)
            low = middle
        except CouldNotStart as error:
            assert "together" in str(error) and "CUEAPI_PAYLOAD_FILE" in str(error)
            high = middle
    assert 0 < low < MAX_STRING - 1
    largest = with_last(low)
    assert kernel_takes(largest.argv, largest.env)


def test_the_limit_of_all_together_follows_the_stack() -> None:
    assert total_limit_of(8 << 20) == 2 << 20
    assert total_limit_of(1) == MAX_STRING
    assert total_limit_of(1 << 40) == 6 << 20
    assert total_limit_of(-1) == 6 << 20
    with pytest.raises(CouldNotStart, match="more than the 131,072 that a process can be given"):
        built(handler(), facts(), {**ENVIRON, "FILL": "x" * 131_000}, stack=1)


# Characters that no process can be given.


def test_a_nul_is_refused_where_it_would_change_the_value() -> None:
    payload = {"x": "a\0b"}
    for command, field in (
        (ArgvCommand(("echo", "{{ payload.x }}")), "argument 1"),
        (ShellCommand("echo", (("CUEWORKER_T1", "payload.x"),)), "environment variable CUEWORKER_T1"),
        (PastedCommand("echo {{ payload.x }}"), "argument 2"),
    ):
        with pytest.raises(CouldNotStart, match=rf"^{field} holds a NUL character.*CUEAPI_PAYLOAD_FILE"):
            built(handler(command), facts(payload))
    with pytest.raises(CouldNotStart, match=r"^environment variable X holds a NUL"):
        built(handler(env={"X": "{{ payload.x }}"}), facts(payload))


def test_a_nul_elsewhere_does_not_keep_a_handler_from_starting() -> None:
    made = built(handler(), facts({"x": "a\0b"}, cue_name="a\0b"))
    assert made.env["CUEAPI_CUE_NAME"] == "a\N{REPLACEMENT CHARACTER}b"
    assert json.loads(made.env["CUEAPI_PAYLOAD"]) == {"x": "a\0b"}
    assert kernel_takes(made.argv, made.env)


def test_lone_surrogates_become_marks() -> None:
    command = ArgvCommand(("/bin/true", "{{ payload.x }}"))
    made = built(handler(command, env={"X": "{{ payload.x }}"}), facts({"x": "a\ud800b"}, cue_name="\udfff"))
    assert made.argv[1] == made.env["X"] == "a\N{REPLACEMENT CHARACTER}b"
    assert made.env["CUEAPI_CUE_NAME"] == "\N{REPLACEMENT CHARACTER}"
    assert json.loads(made.env["CUEAPI_PAYLOAD"]) == {"x": "a\ud800b"}
    assert kernel_takes(made.argv, made.env)


def test_an_inherited_value_that_is_not_utf8_stays_as_it_is() -> None:
    odd = os.fsdecode(b"\xff\xfe")
    assert built(handler(), facts(), {**ENVIRON, "ODD": odd}).env["ODD"] == odd


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=40) | st.integers() | st.none(), max_size=4),
    st.text(),
)
def test_whatever_the_payload_it_is_refused_or_can_be_started(payload: dict[str, Any], cue_name: str) -> None:
    command = ShellCommand('test -n "$X"', (("X", "payload.x"),))
    try:
        made = built(handler(command, env={"Y": "{{ payload.y }}"}), facts(payload, cue_name=cue_name))
    except CouldNotStart as error:
        assert "NUL" in str(error)
        return
    for text in (*made.argv, *made.env, *made.env.values()):
        assert b"\0" not in os.fsencode(text)
