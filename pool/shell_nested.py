"""Templates that a command hands to another interpreter, or that are the command themselves.

The handler's own shell is safe from them (promise 4); what it starts is not: `sh -c 'echo {{ payload.x }}'`
gives the inner shell a script with payload text in it. Such a command runs, with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .shell_commands import Simple, assigned_name
from .shell_words import Expansion, Reference, Word

_SHELL = re.compile(r"-[A-Za-z]*c")
_PROGRAM_AFTER = {
    "sh": _SHELL,
    "ash": _SHELL,
    "bash": _SHELL,
    "dash": _SHELL,
    "fish": _SHELL,
    "ksh": _SHELL,
    "zsh": _SHELL,
    "su": re.compile(r"-c|--command=?"),
    "python": re.compile(r"-[A-Za-z]*c"),
    "perl": re.compile(r"-[A-Za-z]*[eE]"),
    "ruby": re.compile(r"-[A-Za-z]*e"),
    "node": re.compile(r"-e|-p|-pe|--eval=?|--print=?"),
    "php": re.compile(r"-r"),
    "lua": re.compile(r"-e"),
    "osascript": re.compile(r"-e"),
    "sed": re.compile(r"-[A-Za-z]*e|--expression=?"),
}
"""Interpreter → the options that a program follows."""
_PROGRAM_FIRST = {
    "awk": re.compile(r"-[vF]|--assign|--field-separator"),
    "sed": re.compile(r"-l|--line-length"),
}
"""Interpreter whose first argument is its program → its options that take the next argument."""
_PROGRAM_ELSEWHERE = re.compile(r"-[A-Za-z]*[ef]|--(expression|file)(=.*)?")
"""With one of these options the first argument of awk or sed is no program."""
_RUNS_ALL = frozenset({"ssh", "watch", "parallel"})
"""They join their arguments and give them to a shell."""
_SAME = {"gawk": "awk", "mawk": "awk", "nawk": "awk", "gsed": "sed", "nodejs": "node", "mksh": "ksh"}
_WRAPPERS = re.compile(
    r"busybox|chroot|command|doas|docker|env|exec|find|flock|ionice|kubectl|nice|nohup|podman|setsid|ssh|stdbuf"
    r"|strace|sudo|systemd-run|timeout|unshare|xargs"
)
"""They run a command that stands among their arguments."""


@dataclass(frozen=True, order=True)
class CommandWarning:
    """A template that something may run: where (`offset`, in characters into the `cmd`), and why (`text`)."""

    offset: int
    text: str


def nested(command: Simple) -> Iterator[CommandWarning]:
    """The warnings that one simple command deserves, one for each template at most."""
    told: dict[int, str] = {}
    for word in command.assignments:
        if assigned_name(word) == "PATH":
            _tell(told, word, "the payload says which programs run: `PATH`")
    if command.words:
        _tell_direct(told, command.words[0], "the payload says which command runs")
        for name, program in _programs(command.words):
            text = f"payload text becomes part of a program that `{name}` runs, where no quotes protect it"
            _tell(told, program, f"{text}: give it as an argument or through `env:`")
        if command.words[0].literal == "printf":
            _tell_format(told, command.words[1:])
    for offset, text in told.items():
        yield CommandWarning(offset, text)


def _tell(told: dict[int, str], word: Word, text: str) -> None:
    """Note `text` for each template of `word`, those inside its `$(…)` included."""
    _tell_direct(told, word, text)
    for piece in word.pieces:
        if isinstance(piece, Expansion):
            for token in piece.body:
                if isinstance(token, Word):
                    _tell(told, token, text)


def _tell_direct(told: dict[int, str], word: Word, text: str) -> None:
    for piece in word.pieces:
        if isinstance(piece, Reference):
            told.setdefault(piece.template.start, text)


def _tell_format(told: dict[int, str], arguments: tuple[Word, ...]) -> None:
    for word in arguments:
        if word.literal != "--":
            _tell(told, word, "`printf` reads `%` and `\\` in its format: write `printf '%s\\n' {{ … }}`")
            return


def _programs(words: tuple[Word, ...]) -> Iterator[tuple[str, Word]]:
    """(interpreter, word that is a program for it) pairs; a `sudo`, `env`, `xargs` may stand before it."""
    wrapped = _WRAPPERS.fullmatch(_interpreter(words[0]))
    for index, word in enumerate(words if wrapped else words[:1]):
        name, arguments = _interpreter(word), words[index + 1 :]
        if name in _RUNS_ALL:
            yield from ((name, argument) for argument in arguments)
        if name in _PROGRAM_AFTER:
            yield from ((name, argument) for argument in _programs_after(_PROGRAM_AFTER[name], arguments))
        if name in _PROGRAM_FIRST:
            yield from ((name, argument) for argument in _program_first(_PROGRAM_FIRST[name], arguments))


def _interpreter(word: Word) -> str:
    """`/usr/bin/python3.11` → `python`."""
    name = (word.literal or "").rpartition("/")[2].rstrip("0123456789.")
    return _SAME.get(name, name)


def _programs_after(option: re.Pattern[str], arguments: tuple[Word, ...]) -> Iterator[Word]:
    for index, word in enumerate(arguments):
        if option.fullmatch(word.literal or ""):
            yield from arguments[index + 1 : index + 2]
        elif option.match(word.leading):
            yield word


def _program_first(with_argument: re.Pattern[str], arguments: tuple[Word, ...]) -> Iterator[Word]:
    skip = False
    for word in arguments:
        if _PROGRAM_ELSEWHERE.fullmatch(word.leading):
            return
        if skip or word.leading.startswith("-"):
            skip = not skip and with_argument.fullmatch(word.literal or "") is not None
        else:
            yield word
            return
