"""Promise 4 through real shells: hostile values arrive whole, and nothing in them runs.

A few examples by default; many with `CUEWORKER_SOAK=1`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from cueworker.pool.command import CommandRefused, compile_command
from cueworker.pool.handler import ShellCommand
from cueworker.pool.templates import find, lookup, render
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CANDIDATES = (["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"])
SHELLS = [[path, *shell[1:]] for shell in CANDIDATES if (path := shutil.which(shell[0]))] or [["/bin/sh"]]

SOAK = bool(os.environ.get("CUEWORKER_SOAK"))
pytestmark = pytest.mark.timeout(1_800 if SOAK else 120)


def examples(many: int) -> settings:
    return settings(
        max_examples=many if SOAK else 15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


HOSTILE = (
    "",
    " ",
    "a b  c ",
    '"; touch CANARY; echo $(touch CANARY) #',
    "'; touch CANARY; '",
    "$(touch CANARY)",
    "`touch CANARY`",
    "a[$(touch CANARY)]",
    "a[$(touch CANARY)]=1",
    "-va[$(touch CANARY)]",
    "-v a[$(touch${IFS}CANARY)]",
    "($(touch CANARY))",
    "\ntouch CANARY\n",
    ") ; touch CANARY #",
    "}; touch CANARY; {",
    "; touch CANARY",
    "& touch CANARY &",
    "|touch CANARY",
    "$((a[$(touch CANARY)]))",
    "E\ntouch CANARY\n",
    "> CANARY",
    "eval",
    "command",
    "trap",
    ".",
    "-v",
    "-n",
    "!",
    "(",
    "=",
    "*",
    "?[a-z]",
    "~",
    "~root",
    "{a,b}",
    "${IFS}",
    "$IFS",
    "$@",
    "\\",
    "\\\\\n",
    "trailing\n\n",
    "# x",
    "%s%n\\n",
    "{{ payload.a }}",
    "${CUEWORKER_T1}",
    "ü \u0101\u0108 \u2028 \U0001f600",
    "\x01\x7f\x80\t\r",
    "x" * 10_240,
)
values = st.sampled_from(HOSTILE) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=30
)
payloads = st.fixed_dictionaries({"a": values, "b": values, "c": values})

template = st.sampled_from(["{{ payload.a }}", "{{b}}", "{{ payload.c }}"])
plain = st.sampled_from(["a", "-", "--x=", "/", "=", ",", ":", "1", "#", "%", "ü", "]", "}", "~", "^"])
escaped = st.sampled_from(["\\ ", "\\'", '\\"', "\\\\", "\\$", "\\#", "\\;", "\\*"])
inside = st.sampled_from([" ", "\n", "*", ";", "#", "(", ")", "|", "&", "<<", "{ ", "a"])
single = st.lists(template | inside | st.sampled_from(["$", "`", '"', "\\ ", "${x}"]), max_size=4)
double = st.lists(template | inside | st.sampled_from(["'", "\\$", "\\\\", "$x", '\\"', "\\a"]), max_size=4)
piece = st.one_of(
    template,
    template,
    plain,
    escaped,
    single.map(lambda parts: "'" + "".join(parts) + "'"),
    double.map(lambda parts: '"' + "".join(parts) + '"'),
)


def _word(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(pieces, min_size=1, max_size=4).map("".join).filter(lambda text: text[0] not in "#~")


def _substitution(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The `.` keeps the newlines at the end of the value, which `$(…)` takes away."""
    return words.map(lambda text: f'"$(printf %s. {text})"')


word = st.recursive(_word(piece), lambda words: _word(piece | _substitution(words)), max_leaves=4)
arguments = st.lists(word, min_size=1, max_size=3).map(" ".join)
STATEMENTS = (
    "show {}",
    "show {} # it's {{{{ payload.a }}}}",
    'X={0} && show "$X" {0}',
    'X={} sh -c \'printf "%s" "$X"\' >/dev/null',
    'export X={0}; show "$X"',
    'for i in {}; do show "$i"; done',
    'set -- {}; show "$#" "$@"',
    'f() {{ show "$@"; }}; f {}',
    "if [ {0} = {0} ]; then show {0}; fi",
    "[ -n {0} ] && [ -z {0} ] || show {0}",
    "( show {} )",
    "{{ show {}; }} 2>&1",
    "! show \\\n  {}",
    "while show {}; do break; done",
    "printf '%s' {} >/dev/null",
    "cat < /dev/null > /dev/null {} 2>&1",
    "command -v {} >/dev/null",
)
LISTED = frozenset({0, 1, 5, 6, 7, 10, 11, 12, 13, 14})
"""Statements that take any number of words."""
statement = st.one_of(
    *((arguments if index in LISTED else word).map(text.format) for index, text in enumerate(STATEMENTS))
)
scripts = st.lists(statement, min_size=1, max_size=3).map("\n".join)

SHOW = 'show() { printf \'%s\\0\' "$#" "$@"; }\n'
"""Writes its arguments to standard output, in a form that no value can imitate."""

FRAGMENTS = (
    *("{{ payload.a }}", "{{b}}", "{{ payload.c }}") * 4,
    *" " * 12,
    *(
        "\n",
        "\t",
        "'",
        "'",
        '"',
        '"',
        "`",
        "\\",
        "\\\n",
        "$",
        "${",
        "}",
        "$(",
        "$(",
        ")",
        ")",
        "$((",
        "((",
        "))",
        "$[",
    ),
    *(
        "#",
        " #",
        ";",
        ";;",
        "&",
        "&&",
        "|",
        "||",
        "|&",
        "&>",
        ">",
        "> ",
        ">&",
        "<",
        "<<E\n",
        "<<<",
        "2>",
        "{fd}>",
        "<(",
    ),
    *(
        "[",
        "]",
        "[ ",
        " ]",
        "[[ ",
        " ]]",
        "test ",
        "-v ",
        " = ",
        " -a ",
        " -n ",
        "! ",
        "$'",
        '$"',
        "( ",
        " )",
    ),
    *(
        "show ",
        "printf ",
        "printf %s ",
        "printf -- ",
        "if ",
        "then ",
        "fi",
        "do ",
        "done",
        "for x in ",
        "for ",
        "in ",
    ),
    *(
        "case ",
        "x)",
        "esac",
        "eval ",
        "let ",
        "declare ",
        "local ",
        "export ",
        "readonly ",
        "unset ",
        "read ",
        "trap ",
    ),
    *(
        "command ",
        "builtin ",
        "exec ",
        ". ",
        "source ",
        "time ",
        "-p ",
        "wait ",
        "coproc ",
        "select ",
        "function ",
    ),
    *(
        "X=",
        "X+=",
        "$X",
        '"$X"',
        "$1",
        '"$@"',
        "set -- ",
        "set -x;",
        "a[",
        "]=",
        "a=(",
        "{ ",
        "; }",
        "f() ",
        "{",
        ",x}",
    ),
    *("RANDOM=", "OPTIND=", "PS4=", "~", "*", "=", "a", "1", "-", "--", "-c "),
)
"""No loop and no call of `f`: nothing here may run for ever."""
soup = st.lists(st.sampled_from(FRAGMENTS), min_size=2, max_size=10).map("".join).filter(find)


def run(shell: list[str], script: str, variables: Mapping[str, str]) -> tuple[bytes, list[str]]:
    """What a script wrote to standard output, and what is in its folder of three files afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a", "b c", "x"):
            Path(folder, name).touch()
        done = subprocess.run(
            [*shell, "-c", script],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": "/nowhere", "LC_ALL": "C.UTF-8", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
        return done.stdout, sorted(os.listdir(folder))


def parses(shell: list[str], script: str) -> bool:
    done = subprocess.run([*shell, "-n", "-c", script], stderr=subprocess.DEVNULL, timeout=20, check=False)
    return done.returncode == 0


def bound(command: ShellCommand, payload: Mapping[str, str]) -> dict[str, str]:
    return {name: lookup(expression, payload) for name, expression in command.bindings}


every_shell = pytest.mark.parametrize(
    "shell", SHELLS, ids=lambda shell: Path(shell[0]).name + "".join(shell[1:])
)


STAND_INS = {"a": "@a@", "b": "@b@", "c": "@c@"}
"""Values that mean nothing to a shell, wherever they are pasted."""


@every_shell
@given(cmd=scripts.filter(find), payload=payloads)
@examples(2_000)
def test_values_arrive_whole_and_nothing_runs(shell: list[str], cmd: str, payload: dict[str, str]) -> None:
    """What arrives is what a script with stand-ins pasted into it gets, the values put in their places."""
    command = compile_command(cmd)
    letters, files = run(shell, SHOW + render(cmd, STAND_INS), {})
    expected = re.sub(rb"@([abc])@", lambda found: payload[found[1].decode()].encode(), letters)
    assert run(shell, SHOW + command.script, bound(command, payload)) == (expected, files)
    assert files == ["a", "b c", "x"]


@every_shell
@given(cmd=soup, payload=payloads)
@examples(10_000)
def test_whatever_is_accepted_runs_nothing(shell: list[str], cmd: str, payload: dict[str, str]) -> None:
    try:
        command = compile_command(cmd)
    except CommandRefused:
        return
    _, files = run(shell, command.script, bound(command, payload))
    assert "CANARY" not in files


@every_shell
@given(cmd=soup)
@examples(10_000)
def test_what_parses_still_parses(shell: list[str], cmd: str) -> None:
    try:
        command = compile_command(cmd)
    except CommandRefused:
        return
    if parses(shell, render(cmd, STAND_INS)):
        assert parses(shell, command.script)
