"""The words of a shell command: what each is made of, and what it can become when the shell runs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from itertools import takewhile

from .templates import Template

_NUMBERS = frozenset("#?$!")
"""`$#`, `$?`, `$$`, `$!`: the shell's own numbers, never payload text and never several words."""


class Unsafe(ValueError):
    """A command with a template in it cannot be run safely: why, and where (in characters into it)."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class Context(Enum):
    """What a template stands in."""

    WORD = auto()
    DOUBLE = auto()
    SINGLE = auto()
    COMMENT = auto()


@dataclass(frozen=True)
class Text:
    """Literal characters of a word, their quotes or backslashes taken off."""

    text: str
    quoted: bool


@dataclass(frozen=True)
class Reference:
    """A template and what it stands in."""

    template: Template
    context: Context


@dataclass(frozen=True)
class Expansion:
    """`$name` (or `$1`, `$@`, …), or `$(…)`: then `name` is `(` and `body` holds its tokens."""

    name: str
    quoted: bool
    body: tuple[Token, ...] = ()

    @property
    def carries_payload(self) -> bool:
        """Whether payload text can be in its value: any variable's, or a `$(…)` with some in its body."""
        if self.name != "(":
            return self.name not in _NUMBERS
        return any(isinstance(token, Word) and token.carries_payload for token in self.body)

    @property
    def splits(self) -> bool:
        """Whether it can become several words, or none."""
        return self.name not in _NUMBERS and (not self.quoted or self.name == "@")


Piece = Text | Reference | Expansion


@dataclass(frozen=True)
class Word:
    """One word of a command: `cmd[offset:end]`."""

    offset: int
    end: int
    pieces: tuple[Piece, ...]

    @property
    def literal(self) -> str | None:
        """What the word is once its quotes are removed; None where only the running shell can tell."""
        if self.has_braces or not all(isinstance(piece, Text) for piece in self.pieces):
            return None
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Text))

    @property
    def bare(self) -> str:
        """The unquoted literal text that the word begins with."""
        first = self.pieces[0]
        return first.text if isinstance(first, Text) and not first.quoted else ""

    @property
    def leading(self) -> str:
        """The literal text, quoted or not, before its first value."""
        texts = takewhile(lambda piece: isinstance(piece, Text), self.pieces)
        return "".join(piece.text for piece in texts if isinstance(piece, Text))

    @property
    def is_bare(self) -> bool:
        """Whether it is nothing but unquoted literal text, as a reserved word or an assigned name must be."""
        return len(self.pieces) == 1 and self.bare != ""

    @property
    def has_braces(self) -> bool:
        """Whether bash may read it as `{a,b}` and make several words of it."""
        bare = "".join(piece.text for piece in self.pieces if isinstance(piece, Text) and not piece.quoted)
        opened = bare.find("{")
        return opened >= 0 and ("," in bare[opened:] or ".." in bare[opened:])

    @property
    def has_text(self) -> bool:
        """Whether any literal character is a part of it."""
        return any(isinstance(piece, Text) and piece.text for piece in self.pieces)

    @property
    def has_template(self) -> bool:
        """Whether a template is a direct part of it."""
        return any(isinstance(piece, Reference) for piece in self.pieces)

    @property
    def carries_payload(self) -> bool:
        """Whether payload text can be in its value: by a template, a variable, or a `$(…)` that has one."""
        return self.has_template or any(isinstance(p, Expansion) and p.carries_payload for p in self.pieces)

    @property
    def splits(self) -> bool:
        """Whether it can become several words, or none. A template never does: its reference is quoted."""
        return self.has_braces or any(isinstance(piece, Expansion) and piece.splits for piece in self.pieces)

    def may_be(self, text: str) -> bool:
        """Whether the word can come out as exactly `text`."""
        parts = (re.escape(piece.text) if isinstance(piece, Text) else ".*" for piece in self.pieces)
        return self.has_braces or re.fullmatch("".join(parts), text, re.DOTALL) is not None


@dataclass(frozen=True)
class Operator:
    """An operator of the shell, or a newline."""

    text: str
    offset: int


Token = Word | Operator
