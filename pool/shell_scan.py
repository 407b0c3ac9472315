"""A scanner of shell text: where each template of a command stands, and what stands around it.

It knows what dash, bash (also `--posix`) and busybox agree on: words, `'…'`, `"…"`, `$(…)`, comments,
operators. What they read differently, and what reads payload text as more than text, is refused: a command
that the scanner does not fully understand does not run with a template in it (promise 4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .shell_words import Context, Expansion, Operator, Piece, Reference, Text, Token, Unsafe, Word
from .templates import Template

_DEEPEST = 40
_ENDS_WORD = " \t\n&|;<>()"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_PLAIN = re.compile(r"""[^ \t\n&|;<>()\\'"`$\[\]{]+""")
_OPERATOR = re.compile(r"&>|&&|&|\|\||\|&|\||;;|;&|;|<<|<&|<>|<\(|<|>>|>&|>\||>\(|>|\(\(|\(|\)|\n")
_CASE = "in `case`, `x)` cannot be told from a closing parenthesis"
_ARITHMETIC = "arithmetic evaluates text, and a value such as `a[$(…)]` runs commands there"
_REFUSED_OPERATORS = {
    "&>": "`&>` means different things in bash and in sh: write `>file 2>&1`",
    "|&": "`|&` is bash's own: write `2>&1 |`",
    ";;": _CASE,
    ";&": _CASE,
    "<<": "a here-document (or `<<<`) expands its text by rules of its own",
    "<(": "`<(…)` is bash's own",
    ">(": "`>(…)` is bash's own",
    "((": f"`((`: {_ARITHMETIC} (for two subshells, put a space between)",
}
_REFUSED_DOLLARS = {
    "{": "`${…}`: write `$NAME`",
    "[": f"`$[…]`: {_ARITHMETIC}",
    "'": "`$'…'` is bash's own: write the characters themselves",
    '"': '`$"…"` is a translated string in bash',
}


@dataclass(frozen=True)
class Scan:
    """A whole command: its tokens, and its templates in their order."""

    tokens: tuple[Token, ...]
    references: tuple[Reference, ...]


def scan(cmd: str, templates: tuple[Template, ...]) -> Scan:
    """Scan `cmd`, whose templates are `templates` (as `templates.find` gives them). Raises Unsafe."""
    scanner = _Scanner(cmd, templates)
    tokens = scanner.tokens()
    return Scan(tokens, tuple(scanner.references))


class _Scanner:
    def __init__(self, cmd: str, templates: tuple[Template, ...]) -> None:
        self.references: list[Reference] = []
        self._cmd = cmd
        self._position = 0
        self._templates = {template.start: template for template in templates}
        self._opened: list[int] = []
        """Where each `$(` that is still open stands."""

    def tokens(self) -> tuple[Token, ...]:
        """The tokens up to the end, or up to the `)` of the innermost open `$(`, which is consumed."""
        found: list[Token] = []
        parentheses: list[int] = []
        while self._position < len(self._cmd):
            character = self._cmd[self._position]
            if character in " \t":
                self._position += 1
            elif character == "#":
                self._comment()
            elif character == ")" and not parentheses:
                return self._closed(found)
            elif character in _ENDS_WORD:
                found.append(self._operator(parentheses))
            elif not self._continuation():
                found.append(self._word())
        if parentheses:
            raise Unsafe("a `(` without its `)`", parentheses[-1])
        if self._opened:
            raise Unsafe("a `$(` without its `)`", self._opened[-1])
        return tuple(found)

    def _closed(self, found: list[Token]) -> tuple[Token, ...]:
        if not self._opened:
            raise Unsafe("a `)` without its `(` (of a `case`, perhaps, which is refused)", self._position)
        self._position += 1
        return tuple(found)

    def _operator(self, parentheses: list[int]) -> Operator:
        start = self._position
        match = _OPERATOR.match(self._cmd, start)
        assert match is not None
        text = match[0]
        if text in _REFUSED_OPERATORS:
            raise Unsafe(_REFUSED_OPERATORS[text], start)
        if text == "(":
            parentheses.append(start)
        elif text == ")":
            parentheses.pop()
        self._position = match.end()
        return Operator(text, start)

    def _word(self) -> Word:
        start = self._position
        pieces: list[Piece] = []
        in_brackets = False
        while self._position < len(self._cmd):
            character = self._cmd[self._position]
            if self._position not in self._templates and (character in _ENDS_WORD or self._continuation()):
                break
            found = self._pieces(character)
            if in_brackets and any(isinstance(piece, Reference) for piece in found):
                raise Unsafe(
                    "in an unquoted `[…]` it is part of a pattern or subscript: quote the word", start
                )
            if found == [Text("[", False)]:
                in_brackets = True
            elif found == [Text("]", False)]:
                in_brackets = False
            pieces.extend(found)
        return Word(start, self._position, _joined(pieces))

    def _pieces(self, character: str) -> list[Piece]:
        """The pieces that begin here, in a word and outside of quotes."""
        template = self._templates.get(self._position)
        if template is not None:
            return [self._reference(template, Context.WORD)]
        if character == "\\":
            return [self._escaped()]
        if character == "'":
            return self._single()
        if character == '"':
            return self._double()
        if character == "`":
            raise Unsafe("a backtick: write `$(…)`", self._position)
        if character == "$":
            return [self._dollar(quoted=False)]
        match = _PLAIN.match(self._cmd, self._position)
        return [self._text(match.end() if match else self._position + 1, quoted=False)]

    def _text(self, end: int, *, quoted: bool) -> Text:
        """The text up to `end`, or up to a template before that."""
        text = self._cmd[self._position : end]
        self._position = end
        return Text(text, quoted)

    def _reference(self, template: Template, context: Context) -> Reference:
        reference = Reference(template, context)
        self.references.append(reference)
        self._position = template.end
        return reference

    def _escaped(self) -> Text:
        after = self._position + 1
        if after in self._templates:
            raise Unsafe("a backslash directly before a template", self._position)
        if after == len(self._cmd):
            raise Unsafe("a backslash with nothing after it", self._position)
        self._position = after
        return self._text(after + 1, quoted=True)

    def _continuation(self) -> bool:
        """Skip a backslash and newline, if they are here.

        The shell joins the lines before it looks for operators and for `$`, so that the two halves could make
        something that was not seen here: there must be a blank or newline on one side of it.
        """
        start = self._position
        if not self._cmd.startswith("\\\n", start):
            return False
        before = self._cmd[start - 1 : start]
        after = self._cmd[start + 2 : start + 3]
        if before not in ("", " ", "\t", "\n") and after not in ("", " ", "\t", "\n"):
            raise Unsafe("a line is continued in the middle of a word", start)
        self._position += 2
        return True

    def _single(self) -> list[Piece]:
        opened = self._position
        pieces: list[Piece] = [Text("", True)]
        self._position += 1
        while self._position < len(self._cmd):
            template = self._templates.get(self._position)
            if template is not None:
                pieces.append(self._reference(template, Context.SINGLE))
            elif self._cmd[self._position] == "'":
                self._position += 1
                return pieces
            else:
                pieces.append(self._text(self._position + 1, quoted=True))
        raise Unsafe("a single quote without its end", opened)

    def _double(self) -> list[Piece]:
        opened = self._position
        pieces: list[Piece] = [Text("", True)]
        self._position += 1
        while self._position < len(self._cmd):
            template = self._templates.get(self._position)
            character = self._cmd[self._position]
            if template is not None:
                pieces.append(self._reference(template, Context.DOUBLE))
            elif character == '"':
                self._position += 1
                return pieces
            elif character == "\\":
                pieces.append(self._escaped_in_double())
            elif character == "`":
                raise Unsafe("a backtick: write `$(…)`", self._position)
            elif character == "$":
                pieces.append(self._dollar(quoted=True))
            else:
                pieces.append(self._text(self._position + 1, quoted=True))
        raise Unsafe("a double quote without its end", opened)

    def _escaped_in_double(self) -> Text:
        after = self._cmd[self._position + 1 : self._position + 2]
        if after == "\n":
            self._position += 2
            return Text("", True)
        if after in ("$", "`", '"', "\\", "") or self._position + 1 in self._templates:
            return self._escaped()
        return self._text(self._position + 1, quoted=True)

    def _dollar(self, *, quoted: bool) -> Text | Expansion:
        start = self._position
        after = self._cmd[start + 1 : start + 2]
        if start + 1 in self._templates:
            raise Unsafe("a `$` directly before a template", start)
        if self._cmd.startswith("\\\n", start + 1):
            raise Unsafe("a line is continued after a `$`", start)
        if self._cmd.startswith("((", start + 1):
            raise Unsafe(f"`$((…))`: {_ARITHMETIC} (for a subshell in `$(…)`, put a space between)", start)
        if after in _REFUSED_DOLLARS and not (quoted and after in "'\""):
            raise Unsafe(_REFUSED_DOLLARS[after], start)
        if after == "(":
            return self._substitution(quoted=quoted)
        match = _NAME.match(self._cmd, start + 1)
        if match is None:
            return self._text(start + 1, quoted=quoted)
        self._position = match.end()
        return Expansion(match[0], quoted)

    def _substitution(self, *, quoted: bool) -> Expansion:
        if len(self._opened) == _DEEPEST:
            raise Unsafe(f"more than {_DEEPEST} `$(` in one another", self._position)
        self._opened.append(self._position)
        self._position += 2
        body = self.tokens()
        self._opened.pop()
        return Expansion("(", quoted, body)

    def _comment(self) -> None:
        """Skip a comment. Inside `$(…)` older bash counts a comment's quotes and parentheses: refused."""
        start = self._position
        while self._position < len(self._cmd) and self._cmd[self._position] != "\n":
            template = self._templates.get(self._position)
            if template is not None:
                self._reference(template, Context.COMMENT)
            else:
                self._position += 1
        if self._opened and not set("'\"`\\()").isdisjoint(self._cmd[start : self._position]):
            raise Unsafe("a quote, backslash or parenthesis in a comment inside `$(…)`", start)


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Neighbouring literal pieces of one kind made into one, so that a reserved word is a single piece."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, Text) and isinstance(last, Text) and last.quoted == piece.quoted:
            joined[-1] = Text(last.text + piece.text, piece.quoted)
        else:
            joined.append(piece)
    return tuple(joined)
