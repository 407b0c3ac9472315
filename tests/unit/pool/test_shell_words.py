"""The scanner tells where a template stands, and what a word around it can become."""

from __future__ import annotations

import pytest
from cueworker.pool.shell_scan import Scan, scan
from cueworker.pool.shell_words import Context, Expansion, Operator, Unsafe, Word
from cueworker.pool.templates import find

WORD, DOUBLE, SINGLE, COMMENT = Context.WORD, Context.DOUBLE, Context.SINGLE, Context.COMMENT


def scanned(cmd: str) -> Scan:
    return scan(cmd, find(cmd))


def only_word(cmd: str) -> Word:
    (word,) = scanned(cmd).tokens
    assert isinstance(word, Word)
    return word


@pytest.mark.parametrize(
    ("cmd", "contexts"),
    [
        ("a {{x}}", [WORD]),
        ("a {{x}}{{y}}b", [WORD, WORD]),
        ('a "{{x}}"', [DOUBLE]),
        ("a '{{x}}'", [SINGLE]),
        ("a # {{x}}\n{{y}}", [COMMENT, WORD]),
        ("a b# {{x}}", [WORD]),
        ("a {{x}}#{{y}}", [WORD, WORD]),
        ('a "# {{x}}"', [DOUBLE]),
        ("a \"'{{x}}'\"", [DOUBLE]),
        ("a '\"{{x}}\"'", [SINGLE]),
        ('a "$(b {{x}} "{{y}}")" {{z}}', [WORD, DOUBLE, WORD]),
        ("a \"$(b '{{x}}')\"", [SINGLE]),
        ("a $(b $(c \"$(d '{{x}}')\" {{y}}) {{z}})", [SINGLE, WORD, WORD]),
        ("a $(# {{x}}\nb {{y}})", [COMMENT, WORD]),
        ("a \\\\{{x}}", [WORD]),
        ("a \\'{{x}}\\'", [WORD]),
        ('a "\\"{{x}}\\\\{{y}}"', [DOUBLE, DOUBLE]),
        ("a '\\{{x}}'", [SINGLE]),
        ("a '${{x}}' '`$((${'{{y}}", [SINGLE, WORD]),
        ("a $$ {{x}} $ b$", [WORD]),
        ("a;#{{x}}", [COMMENT]),
        ("a \\\n#{{x}}", [COMMENT]),
        ("a \\\n{{x}} && \\\n b &&\\\n {{y}}", [WORD, WORD]),
        ('a "b\\\n{{x}}"', [DOUBLE]),
        ('a{{ payload["b c"] }}', [WORD]),
        ("a {{ it's }} 'b'", [WORD]),
    ],
)
def test_contexts(cmd: str, contexts: list[Context]) -> None:
    assert [reference.context for reference in scanned(cmd).references] == contexts


@pytest.mark.parametrize(
    ("cmd", "literal"),
    [
        ("eval", "eval"),
        ("\\eval", "eval"),
        ("e'v'\"a\"l", "eval"),
        ("''eval", "eval"),
        ("$x", None),
        ('"$(a)"', None),
        ("{{x}}", None),
        ("{eval,x}", None),
        ("{1..3}", None),
        ("'{eval,x}'", "{eval,x}"),
        ("{x}", "{x}"),
        ("$", "$"),
        ("a\\ b", "a b"),
        ('"a\\b\\$"', "a\\b$"),
    ],
)
def test_the_literal_of_a_word(cmd: str, literal: str | None) -> None:
    assert only_word(cmd).literal == literal


@pytest.mark.parametrize(
    ("cmd", "splits", "carries"),
    [
        ("{{x}}", False, True),
        ("$x", True, True),
        ('"$x"', False, True),
        ('"$@"', True, True),
        ('"$*"', False, True),
        ("$#", False, False),
        ("$?", False, False),
        ("$(nproc)", True, False),
        ("$(a {{x}})", True, True),
        ('"$(a "$(b $x)")"', False, True),
        ("{a,b}", True, False),
        ("'$x'", False, False),
    ],
)
def test_what_a_word_can_become(cmd: str, splits: bool, carries: bool) -> None:
    word = only_word(cmd)
    assert (word.splits, word.carries_payload) == (splits, carries)


def test_tokens_carry_their_places() -> None:
    cmd = 'a  "$(b; c)">f|\nd'
    tokens = scanned(cmd).tokens
    places = [(t.text, t.offset) if isinstance(t, Operator) else cmd[t.offset : t.end] for t in tokens]
    assert places == ["a", '"$(b; c)"', (">", 12), "f", ("|", 14), ("\n", 15), "d"]
    assert isinstance(tokens[1], Word)
    inner = [piece.body for piece in tokens[1].pieces if isinstance(piece, Expansion)]
    assert [[type(token).__name__ for token in body] for body in inner] == [["Word", "Operator", "Word"]]


@pytest.mark.parametrize(
    ("cmd", "offset", "reason"),
    [
        ("a 'b {{x}}", 2, "single quote"),
        ('a "b {{x}}', 2, "double quote"),
        ("a $(b {{x}}", 2, "`$(`"),
        ('a "$(b {{x}}"', 12, "double quote"),
        ("a (b {{x}}", 2, "a `(`"),
        ("a {{x}})", 7, "a `)`"),
        ("a {{x}}\\", 7, "nothing after"),
        ("a \\{{x}}", 2, "backslash directly"),
        ('a "\\{{x}}"', 3, "backslash directly"),
        ("a ${{x}}", 2, "`$` directly"),
        ('a "${{x}}"', 3, "`$` directly"),
        ("a {{x}} ${y}", 8, "`$NAME`"),
        ('a {{x}} "${y:-z}"', 9, "`$NAME`"),
        ("a `b` {{x}}", 2, "backtick"),
        ('a "`b`" {{x}}', 3, "backtick"),
        ("a $((1+1)) {{x}}", 2, "arithmetic"),
        ("a $[1+1] {{x}}", 2, "arithmetic"),
        ("((a)) {{x}}", 0, "arithmetic"),
        ("a $'b' {{x}}", 2, "bash's own"),
        ('a $"b" {{x}}', 2, "translated"),
        ("a <<E\n{{x}}\nE", 2, "here-document"),
        ("a <<< {{x}}", 2, "here-document"),
        ("a <(b {{x}})", 2, "bash's own"),
        ("a >(b {{x}})", 2, "bash's own"),
        ("a &> b {{x}}", 2, "2>&1"),
        ("a |& b {{x}}", 2, "2>&1"),
        ("a b[{{x}}]", 2, "quote the word"),
        ('a ["{{x}}"]', 2, "quote the word"),
        ("a {{x}};; b", 7, "`case`"),
        ("a $\\\n{y} {{x}}", 2, "continued"),
        ("a >\\\n>b {{x}}", 3, "continued"),
        ("a b\\\nc {{x}}", 3, "continued"),
        ('a "$\\\n(b)" {{x}}', 3, "continued"),
        ("a $(b # it's\n) {{x}}", 6, "comment"),
        ("a " + "$(" * 50 + "{{x}}", 82, "in one another"),
    ],
)
def test_what_is_not_understood_alike_everywhere_is_refused(cmd: str, offset: int, reason: str) -> None:
    with pytest.raises(Unsafe) as refused:
        scanned(cmd)
    assert reason in refused.value.reason
    assert refused.value.offset == offset


def test_a_long_command_takes_linear_time() -> None:
    cmd = "show " + "'a' \"b\" {{x}} \\\n" * 20_000
    assert len(scanned(cmd).references) == 20_000
