"""A `cmd:` with templates becomes a script that payload text cannot become a part of (promise 4)."""

from __future__ import annotations

import pytest
from cueworker.pool.command import CommandRefused, compile_command, warnings
from cueworker.pool.handler import ShellCommand

T1, T2 = "${CUEWORKER_T1}", "${CUEWORKER_T2}"


@pytest.mark.parametrize(
    ("cmd", "script"),
    [
        ("deploy {{ payload.x }}", f'deploy "{T1}"'),
        ('deploy "to {{ payload.x }}"', f'deploy "to {T1}"'),
        ("deploy 'to {{ payload.x }}'", f"deploy 'to '\"{T1}\"''"),
        ("deploy --to={{payload.x}}{{payload.y}}", f'deploy --to="{T1}""{T2}"'),
        ("{{payload.y}} {{payload.x}} {{payload.y}}".join(["a ", ""]), f'a "{T1}" "{T2}" "{T1}"'),
        ("X={{ payload.x }} a", f'X="{T1}" a'),
        ("export X={{ payload.x }}; a", f'export X="{T1}"; a'),
        ("a > {{ payload.x }} 2>&1", f'a > "{T1}" 2>&1'),
        ("a 2>{{ payload.x }}", f'a 2>"{T1}"'),
        ("a ~/{{ payload.x }}/*.txt", f'a ~/"{T1}"/*.txt'),
        ('a "$(b {{ payload.x }})"', f'a "$(b "{T1}")"'),
        ("a $(b '{{ payload.x }}')", f"a $(b ''\"{T1}\"'')"),
        ("if [ {{ payload.x }} = {{ payload.y }} ]; then a; fi", f'if [ "{T1}" = "{T2}" ]; then a; fi'),
        ("[ -n {{ payload.x }} ] && [ $# -gt $(nproc) ]", f'[ -n "{T1}" ] && [ $# -gt $(nproc) ]'),
        ('f() { a "$@"; }; f {{ payload.x }}', f'f() {{ a "$@"; }}; f "{T1}"'),
        ("for i in {{ payload.x }}; do a; done", f'for i in "{T1}"; do a; done'),
        ("set -- {{ payload.x }}; a $1", f'set -- "{T1}"; a $1'),
        ("(a {{ payload.x }}) | b", f'(a "{T1}") | b'),
        ("! ( a ) && { b {{ payload.x }}; }", f'! ( a ) && {{ b "{T1}"; }}'),
        (". venv/bin/activate && a {{ payload.x }}", f'. venv/bin/activate && a "{T1}"'),
        ("trap 'rm -r \"$d\"' EXIT; a {{ payload.x }}", f'trap \'rm -r "$d"\' EXIT; a "{T1}"'),
        ("export $(cat .env | xargs); a {{ payload.x }}", f'export $(cat .env | xargs); a "{T1}"'),
        ("wait $!; a {{ payload.x }}", f'wait $!; a "{T1}"'),
        ("$PYTHON a.py {{ payload.x }}", f'$PYTHON a.py "{T1}"'),
        ('"$PYTHON" {{ payload.x }}', f'"$PYTHON" "{T1}"'),
        ('"$HOME"/a {{ payload.x }}', f'"$HOME"/a "{T1}"'),
        ("printf '%s' {{ payload.x }}", f"printf '%s' \"{T1}\""),
        ('printf "to {{ payload.x }}"', f'printf "to {T1}"'),
        ("printf -- {{ payload.x }}", f'printf -- "{T1}"'),
        ("echo eval read let {{ payload.x }}", f'echo eval read let "{T1}"'),
        ("a '`${' {{ payload.x }} '<<' \"$\" \\`", f"a '`${{' \"{T1}\" '<<' \"$\" \\`"),
        ("./{{ payload.x }} {{ payload.y }}", f'./"{T1}" "{T2}"'),
        ("deploy-{{ payload.x }} {{ payload.y }}", f'deploy-"{T1}" "{T2}"'),
        ("cd {{ payload.x }} && exec 3>&1 && time -p a", f'cd "{T1}" && exec 3>&1 && time -p a'),
        ("while a {{ payload.x }}; do break; done", f'while a "{T1}"; do break; done'),
        ("a # {{ payload.y }}\nb {{ payload.x }}", f'a # {{{{ payload.y }}}}\nb "{T1}"'),
        ("a {{ payload.x }} # {{\npayload.y\n}}", f'a "{T1}" # {{{{ payload.y }}}}'),
        ("a {{ payload.x }} \\\n  b", f'a "{T1}" \\\n  b'),
    ],
)
def test_accepted(cmd: str, script: str) -> None:
    assert compile_command(cmd).script == script


def test_bindings_name_each_expression_once() -> None:
    command = compile_command("a {{ payload.x }} '{{payload.x}}' \"{{ y }}\" # {{ z }}")
    assert command.bindings == (("CUEWORKER_T1", "payload.x"), ("CUEWORKER_T2", "y"))


@pytest.mark.parametrize(
    "cmd", ["", "eval `cat <<E`\n${X[$((1))]}\nE", "a '", "{{ x", "case x in x) ;; esac"]
)
def test_without_a_template_everything_passes(cmd: str) -> None:
    assert compile_command(cmd) == ShellCommand(cmd)
    assert warnings(cmd) == ()


@pytest.mark.parametrize(
    ("cmd", "offset", "reason"),
    [
        ("eval a {{x}}", 0, "`eval`"),
        ("a {{x}}; if true; then eval b; fi", 23, "`eval`"),
        ("f() { eval $1; }; f {{x}}", 6, "`eval`"),
        ("X=1 \\e'v'al {{x}}", 4, "`eval`"),
        ("command -p eval {{x}}", 11, "`eval`"),
        ("builtin eval {{x}}", 8, "`eval`"),
        ("2>/dev/null eval {{x}}", 12, "`eval`"),
        ("{fd}>a eval {{x}}", 7, "`eval`"),
        ("time -p eval {{x}}", 8, "`eval`"),
        ("! { eval {{x}}; }", 4, "`eval`"),
        ("for i do eval {{x}}; done", 9, "`eval`"),
        ("for i\ndo eval {{x}}; done", 9, "`eval`"),
        ('a "$(eval {{x}})"', 5, "`eval`"),
        ('a >"$(eval b)" {{x}}', 6, "`eval`"),
        ("{eval,x} {{x}}", 0, "several words"),
        ("let y={{x}}", 0, "`let`"),
        ("declare y={{x}}", 0, "`declare`"),
        ("typeset -i y={{x}}", 0, "`typeset`"),
        ("read y < {{x}}", 0, "`read`"),
        ("a {{x}} | while read -r y; do b; done", 16, "`read`"),
        ("mapfile -C {{x}} y", 0, "`mapfile`"),
        ("alias y={{x}}", 0, "`alias`"),
        ("compgen -W {{x}}", 0, "`compgen`"),
        ("coproc a {{x}}", 0, "`coproc`"),
        ("test -v {{x}}", 5, "`test -v`"),
        ("[ '-v' {{x}} ]", 2, "`test -v`"),
        ("command [ -v {{x}} ]", 10, "`test -v`"),
        ("[ {{x}} {{y}} ]", 8, "in a row"),
        ("[ -{{x}} {{y}} ]", 9, "in a row"),
        ('[ ! {{x}} "$y" ]', 10, "in a row"),
        ("[ {-v,{{x}}} ]", 2, "unquoted"),
        ("[ $(a) {{x}} ]", 7, "in a row"),
        ("[ {{x}} $(a) {{y}} ]", 13, "in a row"),
        ("y={{x}}; [ $y = a ]", 11, "unquoted"),
        ('[ "$@" ] && a {{x}}', 2, "unquoted"),
        ("[ $(a {{x}}) = b ]", 2, "unquoted"),
        ("printf -v y {{x}}", 7, "`printf -v`"),
        ("printf {{x}} {{y}}", 7, "option `-v`"),
        ('printf "-{{x}}" {{y}}', 7, "option `-v`"),
        ("printf $y {{x}}", 7, "option `-v`"),
        ("printf $(a) {{x}}", 7, "option `-v`"),
        ("trap {{x}} EXIT", 5, "`trap`"),
        ('y={{x}}; trap "rm $y" EXIT', 14, "`trap`"),
        ("trap 'a; eval b' EXIT; a {{x}}", 5, "`eval`"),
        ("trap -- 'eval b' EXIT; a {{x}}", 8, "`eval`"),
        (". {{x}}", 2, "`.`"),
        ("source ./a {{x}}", 11, "`source`"),
        ("unset {{x}}", 6, "`unset`"),
        ('unset "$y"; a {{x}}', 6, "`unset`"),
        ("wait -p {{x}}", 8, "`wait`"),
        ("getopts a {{x}}", 10, "`getopts`"),
        ("export {{x}}", 7, "`export`"),
        ("export {{x}}=1", 7, "`export`"),
        ("readonly -a y={{x}}", 12, "`readonly`"),
        ("readonly $(a) y={{x}}", 14, "`readonly`"),
        ('f() { local "$1"; }; f {{x}}', 12, "`local`"),
        ("f() { local -i y={{x}}; }; f", 15, "`local`"),
        ("PS4={{x}}; set -x; a", 0, "`PS4`"),
        ("RANDOM={{x}}", 0, "`RANDOM`"),
        ("export OPTIND={{x}}", 7, "`OPTIND`"),
        ("BASH_ENV={{x}} bash a", 0, "`BASH_ENV`"),
        ("for RANDOM in {{x}}; do a; done", 4, "`RANDOM`"),
        ("for {{x}} in a; do b; done", 4, "loop"),
        ("{{x}} {{y}}", 0, "can come out as `eval`"),
        ("e{{x}} $y", 0, "can come out as `eval`"),
        ("command {{x}} {{y}}", 8, "can come out as `eval`"),
        ('"$y"eval {{x}}', 0, "can come out as `eval`"),
        ("$y eval {{x}}", 3, "`eval`"),
        ("$(a) $y command eval {{x}}", 16, "`eval`"),
        ('"$@" eval {{x}}', 5, "`eval`"),
        ("case {{x}} in a) b;; esac", 15, "`case`"),
        ("case {{x}} in (a) b; esac", 0, "`case`"),
        ("a $(case b in (b) c {{x}}; esac)", 4, "`case`"),
        ("[[ {{x}} -eq 1 ]]", 0, "`[[`"),
        ("y[{{x}}]=1", 0, "quote the word"),
        ("y[$i]=1; a {{x}}", 0, "subscript"),
        ("y=({{x}})", 2, "neither"),
        ("y+=(a); a {{x}}", 3, "neither"),
        ("a @(b|{{x}})", 3, "neither"),
        ("{{x}}() { a; }", 5, "neither"),
        ("function f { a {{x}}; }", 0, "bash's own"),
        ("a >&{{x}}", 2, ">file 2>&1"),
        ("a >& b {{x}}", 2, ">file 2>&1"),
        ("a {{x}} >", 8, "without a target"),
        ("a {{x}} > ; b", 10, "without a target"),
        ("a <<E\n{{x}}\nE", 2, "here-document"),
        ("a {{x}} ${y}", 8, "`$NAME`"),
        ("a 'b {{x}}", 2, "single quote"),
    ],
)
def test_refused(cmd: str, offset: int, reason: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        compile_command(cmd)
    assert reason in refused.value.reason
    assert refused.value.offset == offset
    assert 'env: {PAYLOAD_X: "{{ x }}"' in refused.value.remedy
    assert '"$PAYLOAD_X"' in refused.value.remedy
    assert warnings(cmd) == ()


def test_the_remedy_names_every_expression() -> None:
    with pytest.raises(CommandRefused) as refused:
        compile_command("eval {{ payload.user.first-name }} {{path}} {{ path }}")
    assert refused.value.remedy == (
        'pass it as data: `env: {PAYLOAD_USER_FIRST_NAME: "{{ payload.user.first-name }}", '
        'PAYLOAD_PATH: "{{ path }}"}`, and in the command "$PAYLOAD_USER_FIRST_NAME" "$PAYLOAD_PATH"'
    )
    assert str(refused.value) == f"{refused.value.reason}; {refused.value.remedy}"


@pytest.mark.parametrize(
    ("cmd", "offsets", "word"),
    [
        ("sh -c 'echo {{x}}'", [12], "`sh`"),
        ("sh -ec {{x}}", [7], "`sh`"),
        ('/bin/bash -o pipefail -c "{{x}} {{y}}"', [26, 32], "`bash`"),
        ("sudo -u a bash -lc '{{x}}'", [20], "`bash`"),
        ("env A={{y}} timeout 5 sh -c '{{x}}'", [29], "`sh`"),
        ("a | xargs -n1 sh -c '{{x}} \"$1\"' _", [21], "`sh`"),
        ("find . -exec sh -c '{{x}}' {} +", [20], "`sh`"),
        ("busybox sh -c {{x}}", [14], "`sh`"),
        ('python3.11 -c "print({{x}})"', [21], "`python`"),
        ("perl -ne 'print {{x}}' {{y}}", [16], "`perl`"),
        ("perl -e{{x}}", [7], "`perl`"),
        ("node --eval={{x}}", [12], "`node`"),
        ("awk -v a={{y}} '{ print {{x}} }' {{z}}", [24], "`awk`"),
        ("gawk -F : {{x}}", [10], "`awk`"),
        ("sed 's/a/{{x}}/' {{y}}", [9], "`sed`"),
        ("sed -n -e {{x}} -e {{y}} {{z}}", [10, 19], "`sed`"),
        ("ssh host a {{x}} '{{y}}'", [11, 18], "`ssh`"),
        ('sh -c "$(a {{x}})"', [11], "`sh`"),
        ("if true; then sh -c {{x}}; fi", [20], "`sh`"),
        ('a "$(sh -c {{x}})"', [11], "`sh`"),
        ("{{x}} --flag", [0], "which command"),
        ("./bin/{{x}} {{y}}", [6], "which command"),
        ("PATH={{x}}:$PATH a", [5], "`PATH`"),
        ('printf "a {{x}}"', [10], "format"),
        ("a {{ payload.x | upper }}", [2], "not a path"),
        ("a '{{ b {{x}} }}'", [3], "not a path"),
    ],
)
def test_warned(cmd: str, offsets: list[int], word: str) -> None:
    found = warnings(cmd)
    assert [warning.offset for warning in found] == offsets
    assert all(word in warning.text for warning in found)
    assert compile_command(cmd).bindings


@pytest.mark.parametrize(
    "cmd",
    [
        "a {{x}}",
        "sh -c 'echo \"$1\"' _ {{x}}",
        "python3 a.py {{x}}",
        "sh a.sh {{x}}",
        "awk -f a.awk {{x}}",
        "sed -i s/a/b/ {{x}}",
        "echo ssh sh awk {{x}}",
        "printf '%s' {{x}}",
        "sh -c a # {{x}}",
    ],
)
def test_not_warned(cmd: str) -> None:
    compile_command(cmd)
    assert warnings(cmd) == ()
