"""Shell tokens grouped into simple commands: assignments, then a command word and its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .shell_words import Expansion, Operator, Token, Unsafe, Word

_REDIRECTIONS = frozenset({"<", ">", ">>", "<>", ">|", ">&", "<&"})
_RESERVED = frozenset(
    {"!", "{", "}", "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac", "time"}
)
"""After these a command may follow. (`time` also takes `-p`.)"""
_REFUSED_WORDS = {
    "case": "`case`: its patterns expand by rules of their own",
    "[[": "`[[`: it reads its operands as arithmetic and patterns: write `[`",
    "function": "`function` is bash's own: write `name() { …; }`",
}
_IO_NUMBER = re.compile(r"[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\}")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=")
_SUBSCRIPT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_DESCRIPTOR = re.compile(r"[0-9]+-?|-")


@dataclass(frozen=True)
class Simple:
    """A simple command. A `for` or `select` is one too, with its items as arguments."""

    assignments: tuple[Word, ...]
    words: tuple[Word, ...]


def assigned_name(word: Word) -> str | None:
    """The NAME of a word that is `NAME=…` or `NAME+=…`."""
    match = _ASSIGNMENT.match(word.bare)
    return match[1] if match else None


def simple_commands(tokens: Sequence[Token]) -> Iterator[Simple]:
    """All simple commands of `tokens`, those inside `$(…)` included. Raises Unsafe."""
    yield from _Grouping(tokens).commands()


@dataclass
class _Grouping:
    tokens: Sequence[Token]
    assignments: list[Word] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    redirection: Operator | None = None
    """The redirection whose target comes next."""
    after_time: bool = False

    def commands(self) -> Iterator[Simple]:
        skip = 0
        for index, token in enumerate(self.tokens):
            if skip:
                skip -= 1
            elif isinstance(token, Word):
                for piece in token.pieces:
                    if isinstance(piece, Expansion):
                        yield from simple_commands(piece.body)
                yield from self._word(token, self._next(index))
            elif token.text in _REDIRECTIONS:
                self._needs_no_target(token)
                self.redirection = token
            elif token.text == "(":
                skip = self._parenthesis(token, self._next(index))
            else:
                self._needs_no_target(token)
                yield from self._end()
        self._needs_no_target(None)
        yield from self._end()

    def _next(self, index: int) -> Token | None:
        return self.tokens[index + 1] if index + 1 < len(self.tokens) else None

    def _needs_no_target(self, token: Operator | None) -> None:
        if self.redirection is not None:
            raise Unsafe("a redirection without a target", (token or self.redirection).offset)

    def _end(self) -> Iterator[Simple]:
        if self.assignments or self.words:
            yield Simple(tuple(self.assignments), tuple(self.words))
        self.assignments, self.words, self.after_time = [], [], False

    def _parenthesis(self, token: Operator, following: Token | None) -> int:
        """How many tokens to skip after a `(`: none for a subshell, the `)` of `name()`."""
        self._needs_no_target(token)
        if not self.words and not self.assignments:
            return 0
        closed = isinstance(following, Operator) and following.text == ")"
        named = len(self.words) == 1 and self.words[0].is_bare and _FUNCTION.fullmatch(self.words[0].bare)
        if not (closed and named) or self.assignments:
            raise Unsafe("a `(` that opens neither a subshell nor a function", token.offset)
        self.words = []
        return 1

    def _word(self, word: Word, following: Token | None) -> Iterator[Simple]:
        if self.redirection is not None:
            _check_target(self.redirection, word)
            self.redirection = None
        elif _is_io_number(word, following):
            return
        elif self.words:
            self.words.append(word)
            if self._is_do_of_for():
                self.words.pop()
                yield from self._end()
        elif not self._opens_command(word):
            _refuse_at_command_word(word)
            (self.words if assigned_name(word) is None else self.assignments).append(word)

    def _is_do_of_for(self) -> bool:
        """Whether the last word is the `do` of `for NAME do`, after which a command begins."""
        if len(self.words) != 3 or self.words[0].bare not in ("for", "select"):
            return False
        return self.words[2].literal == "do"

    def _opens_command(self, word: Word) -> bool:
        """Whether the command word is still to come after `word`, which is not one."""
        if self.after_time and word.bare.startswith("-"):
            return True
        if not word.is_bare or word.bare not in _RESERVED:
            return False
        self.after_time = word.bare == "time"
        return True


def _refuse_at_command_word(word: Word) -> None:
    if word.is_bare and word.bare in _REFUSED_WORDS:
        raise Unsafe(_REFUSED_WORDS[word.bare], word.offset)
    if _SUBSCRIPT.match(word.bare):
        raise Unsafe("an array subscript: it is evaluated as arithmetic", word.offset)


def _check_target(redirection: Operator, word: Word) -> None:
    """`>&word` with anything but a descriptor is expanded twice by bash, which runs code in the value."""
    if redirection.text in (">&", "<&") and not _DESCRIPTOR.fullmatch(word.literal or ""):
        raise Unsafe(
            f"`{redirection.text}` with anything but a number: write `>file 2>&1`", redirection.offset
        )


def _is_io_number(word: Word, following: Token | None) -> bool:
    if not isinstance(following, Operator) or following.text not in _REDIRECTIONS:
        return False
    return following.offset == word.end and word.is_bare and _IO_NUMBER.fullmatch(word.bare) is not None
