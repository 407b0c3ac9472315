"""What looks like a credential taken out of a stream of bytes, whoever's it is. Pure.

A shape is a sequence of bounded pieces of which each can be told from the next by its first byte, then a tail of any
length. So a match never has to be taken back, and the beginning of one at the end of the bytes is found by the same
pieces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .redact_known import MARK

_QUOTES = rb"""[\\"']{0,4}"""
_BLANKS = rb"[ \t]{0,16}"
_TOKEN = rb"[A-Za-z0-9._~+/=-]"


@dataclass(frozen=True)
class _Shape:
    word: bytes
    """In lower case: without it in the bytes, no search is needed."""
    pieces: tuple[bytes, ...]
    """Between the word and the credential."""
    first: tuple[bytes, ...]
    """The first bytes of the credential, each one piece."""
    rest: bytes
    """What the rest of it is made of."""


_SHAPES = {
    "header": _Shape(
        b"authorization",
        (_QUOTES, _BLANKS, rb"[:=]", _BLANKS, _QUOTES),
        (rb"""[^\s"'\\]""",),
        rb"""[^\r\n"']""",
    ),
    "bearer": _Shape(b"bearer", (rb"[ \t]", rb"[ \t]{0,15}"), (_TOKEN,) * 6, _TOKEN),
    "key": _Shape(b"cue_sk_", (), (rb"[0-9A-Za-z_-]",) * 6, rb"[0-9A-Za-z_-]"),
}


def _whole(name: str, shape: _Shape) -> bytes:
    before, first = b"".join((shape.word, *shape.pieces)), b"".join(shape.first)
    return rb"(?P<%s>%s)%s%s*" % (name.encode(), before, first, shape.rest)


def _begun(shape: _Shape) -> bytes:
    """Matches what the bytes end with if that is the beginning of one."""
    letters = [re.escape(shape.word[at : at + 1]) for at in range(len(shape.word))]
    pattern = rb"\Z"
    for piece in reversed([*letters, *shape.pieces, *shape.first]):
        # Either the bytes end here, or the piece follows.
        pattern = rb"(?:\Z|%s%s)" % (piece, pattern)
    return rb"(?=.)" + pattern


_MATCH = re.compile(rb"|".join(_whole(*each) for each in _SHAPES.items()), re.IGNORECASE)
_BEGUN = re.compile(rb"|".join(map(_begun, _SHAPES.values())), re.IGNORECASE | re.DOTALL)
_REST = {name: re.compile(shape.rest + rb"*", re.IGNORECASE) for name, shape in _SHAPES.items()}
_LONGEST_BEGINNING = 80
"""Bytes: more than any beginning that is not a match yet."""


def any_shape_in(data: bytes) -> bool:
    """Whether a search is worth its time."""
    lower = data.lower()
    return any(shape.word in lower for shape in _SHAPES.values())


class ShapesStream:
    """Replaces credentials in bytes that come in pieces; the word before one stays. Holds back less than 80 bytes."""

    def __init__(self) -> None:
        self._held = b""
        self._inside: str | None = None
        """The shape whose mark is out and whose credential still goes on."""

    def feed(self, data: bytes) -> bytes:
        """Take in the next bytes; returns what can be shown by now."""
        if not data:
            return b""
        return self._take(self._held + data, is_last=False)

    def finish(self) -> bytes:
        """No more will come; returns what was held back."""
        return self._take(self._held, is_last=True)

    def _take(self, data: bytes, *, is_last: bool) -> bytes:
        shown: list[bytes] = []
        done = self._skip(data)
        if any_shape_in(data):
            for match in _MATCH.finditer(data, done):
                name = str(match.lastgroup)
                shown += [data[done : match.end(name)], MARK]
                done = match.end()
                self._inside = name if done == len(data) else None
        held_from = len(data)
        if not is_last and self._inside is None:
            begun = _BEGUN.search(data, max(done, len(data) - _LONGEST_BEGINNING))
            held_from = begun.start() if begun else held_from
        shown.append(data[done:held_from])
        self._held = data[held_from:]
        return b"".join(shown)

    def _skip(self, data: bytes) -> int:
        """Where the credential ends that goes on from the bytes before."""
        if self._inside is None:
            return 0
        match = _REST[self._inside].match(data)
        end = match.end() if match else 0
        if end < len(data):
            self._inside = None
        return end
