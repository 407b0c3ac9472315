"""Which of the shell's own commands turn a perfectly quoted value into code, and must not meet payload text.

Nearly all were seen to run a hostile value in dash, bash, busybox or mksh. A value that reaches them through
a variable of the script is as dangerous as the reference itself, so expansions count where the place matters.
"""

from __future__ import annotations

import re

from .shell_commands import Simple, assigned_name, simple_commands
from .shell_scan import scan
from .shell_words import Unsafe, Word

INTERPRETED_VARIABLES = frozenset(
    {
        "BASH_ENV",
        "ENV",
        "HISTCMD",
        "LINENO",
        "OPTIND",
        "PROMPT_COMMAND",
        "PS0",
        "PS1",
        "PS2",
        "PS4",
        "RANDOM",
        "SECONDS",
        "SRANDOM",
    }
)
"""Variables whose value a shell expands, evaluates as arithmetic, or runs as a file."""

_NEVER = {
    "alias": "defines shell source",
    "bind": "runs its argument as a command",
    "compgen": "runs and expands its arguments",
    "complete": "runs and expands its arguments",
    "coproc": "is bash's own",
    "declare": "evaluates its arguments as names, subscripts and arithmetic",
    "enable": "can load code",
    "eval": "runs its arguments as shell source",
    "fc": "runs its arguments as shell source",
    "let": "evaluates its arguments as arithmetic, which can run commands",
    "mapfile": "runs and evaluates its arguments",
    "read": "evaluates its arguments as names with subscripts, which can run commands",
    "readarray": "runs and evaluates its arguments",
    "typeset": "evaluates its arguments as names, subscripts and arithmetic",
}
"""Refused in a command with a template, whatever their arguments."""

_PLAIN_ARGUMENTS = {
    ".": "runs a file as shell source, and some files hold payload text",
    "getopts": "assigns to the name it is given",
    "jobs": "can run its arguments",
    "shift": "may evaluate its argument",
    "source": "runs a file as shell source, and some files hold payload text",
    "ulimit": "may evaluate its argument",
    "unset": "evaluates its arguments as names with subscripts, which can run commands",
    "wait": "assigns to the name after `-p`",
}
"""Refused when payload text can be in an argument (for `.`, `source` and `wait`: a template)."""
_MAY_HOLD_VARIABLES = frozenset({".", "source", "wait"})

_ASSIGNING = frozenset({"export", "local", "readonly"})
_DIRECT = frozenset({"command", "builtin"})
"""They run the shell's own command that their argument names."""
_DANGEROUS = (
    frozenset(_NEVER) | frozenset(_PLAIN_ARGUMENTS) | _ASSIGNING | _DIRECT | {"[", "printf", "test", "trap"}
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(command: Simple) -> None:
    """Raise Unsafe if the shell would read payload text in `command` as more than text."""
    for word in command.assignments:
        _check_assignment(word)
    _check_words(_without_prefixes(command.words))


def _check_words(words: tuple[Word, ...]) -> None:
    if not words:
        return
    name, arguments = words[0].literal, words[1:]
    if name is None:
        _check_unknown(words[0], arguments)
    elif name in ("for", "select"):
        _check_loop(words[0], arguments)
    elif name in _NEVER:
        raise Unsafe(f"`{name}` {_NEVER[name]}", words[0].offset)
    elif name in _PLAIN_ARGUMENTS:
        _check_plain_arguments(name, arguments)
    elif name in _ASSIGNING:
        _check_assigning(name, arguments)
    elif name in ("test", "["):
        _check_test(arguments)
    elif name == "printf":
        _check_printf(arguments)
    elif name == "trap":
        _check_trap(arguments)


def _without_prefixes(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """`words` from the command that `command` or `builtin` runs."""
    while words and words[0].literal in _DIRECT:
        words = words[1:]
        while words and (words[0].literal or "").startswith("-"):
            words = words[1:]
    return words


def _check_assignment(word: Word) -> None:
    name = assigned_name(word)
    if name in INTERPRETED_VARIABLES and word.carries_payload:
        raise Unsafe(f"the shell interprets the value of `{name}`", word.offset)


def _check_unknown(command: Word, arguments: tuple[Word, ...]) -> None:
    """A command word known only at run time could come out as `eval`, and an argument be its source.

    A plain `$PYTHON` is trusted to name the command that its author meant; a `{{ … }}` is not.
    """
    if command.has_braces:
        raise Unsafe("`{a,b}` as the command word: bash makes several words of it", command.offset)
    trusted = not command.has_template and not command.has_text
    carries = any(word.carries_payload for word in arguments)
    if carries and not trusted and any(command.may_be(name) for name in _DANGEROUS):
        raise Unsafe(
            "the command word can come out as `eval`, which runs its arguments as shell source",
            command.offset,
        )
    if command.splits:
        # It can be empty and vanish: then the next word is the command.
        _check_words(_without_prefixes(arguments))


def _check_loop(loop: Word, arguments: tuple[Word, ...]) -> None:
    name = arguments[0].literal if arguments else None
    if name is None or not _NAME.fullmatch(name):
        raise Unsafe("the variable of a loop must be a plain name", (arguments or (loop,))[0].offset)
    if name in INTERPRETED_VARIABLES:
        raise Unsafe(f"the shell interprets the value of `{name}`", arguments[0].offset)


def _check_plain_arguments(name: str, arguments: tuple[Word, ...]) -> None:
    for word in arguments:
        if word.has_template or (word.carries_payload and name not in _MAY_HOLD_VARIABLES):
            raise Unsafe(f"`{name}` {_PLAIN_ARGUMENTS[name]}", word.offset)


def _check_assigning(name: str, arguments: tuple[Word, ...]) -> None:
    """`export NAME={{ … }}` is plain; a name, an array or an option from the payload is not."""
    options = any(word.leading.startswith("-") or not _NAME.match(word.bare) for word in arguments)
    for word in arguments:
        if not word.carries_payload:
            continue
        if options or assigned_name(word) is None:
            raise Unsafe(f"`{name}` takes payload text only as the value in `NAME=…`", word.offset)
        _check_assignment(word)


def _check_test(arguments: tuple[Word, ...]) -> None:
    """`-v NAME` evaluates subscripts in NAME; the payload must not be able to bring the `-v` either."""
    before: list[Word] = []
    for word in arguments:
        if word.literal == "-v":
            raise Unsafe("`test -v` evaluates subscripts in the name, which can run commands", word.offset)
        if word.has_braces or (word.splits and word.carries_payload):
            raise Unsafe(
                "an unquoted expansion in `[ ]` can bring operators such as `-v`: quote it", word.offset
            )
        if word.carries_payload and any(other.may_be("-v") for other in before):
            raise Unsafe("two values in a row in `[ ]`: the first can be the operator `-v`", word.offset)
        # A word that splits can also vanish: then the words on its two sides meet.
        before = [*before, word] if word.splits else [word]


def _check_printf(arguments: tuple[Word, ...]) -> None:
    if not arguments or arguments[0].literal == "--":
        return
    first = arguments[0]
    if (first.literal or "").startswith("-v"):
        raise Unsafe("`printf -v` evaluates subscripts in the name, which can run commands", first.offset)
    if first.literal is None and first.leading[:1] in ("", "-"):
        raise Unsafe("the value can be `printf`'s option `-v`: write `printf %s` before it", first.offset)


def _check_trap(arguments: tuple[Word, ...]) -> None:
    """The text of a trap is shell source: it must hold no value, and pass for itself."""
    for word in arguments:
        if word.literal is None:
            raise Unsafe("`trap` runs its argument as shell source: put it in single quotes", word.offset)
    for word in arguments:
        try:
            for command in simple_commands(scan(word.literal or "", ()).tokens):
                check(command)
        except Unsafe as unsafe:
            raise Unsafe(f"in the text of this `trap`: {unsafe.reason}", word.offset) from None
