"""Secrets are taken out of whole texts and of streams, however these are cut into pieces, and nothing else is."""

from __future__ import annotations

import base64
import itertools
import json
import shlex
import urllib.parse
from typing import Any

import pytest
from cueworker.outcome import Report
from cueworker.pool.redact import Redactor
from hypothesis import example, given, settings
from hypothesis import strategies as st

SECRETS = [
    "hunter2-hunter2",
    "hunter2-h",
    "aaaaaa",
    "abcabcabc",
    "grüße-geheim",
    "q\"uo'te\\d",
    "line one\nline two",
]
# What secrets and credentials are made of, so that parts of them, overlaps and near misses are frequent.
PIECES = st.sampled_from(
    [
        *SECRETS,
        *(
            "hunter2",
            "-hunter2",
            "aaa",
            "abc",
            "abcab",
            "grü",
            "ße-geheim",
            "line one",
            "\n",
            "\r\n",
            " ",
            '"',
            "'",
            "\\",
        ),
        *("Authorization", "authorization:", "AUTHORIZATION = ", '"Authorization": "', "Auth", "orization: "),
        *(
            "Bearer",
            "bearer ",
            "Bearer\t",
            "x1y2z3w4",
            "tok",
            ".~+/=-",
            "cue_sk_",
            "cue_",
            "sk_12345",
            "Basic ",
        ),
        *("é", "日本", "\N{GRINNING FACE}", "[redacted]"),
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=25).map("".join)
CUTS = st.lists(st.integers(0, 200), max_size=12)
REDACTOR = Redactor(SECRETS)
PATIENT = settings(deadline=None)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def streamed(redactor: Redactor, pieces: list[bytes]) -> bytes:
    stream = redactor.stream()
    return b"".join([*map(stream.feed, pieces), stream.finish()])


def straight(text: str) -> str:
    """The first pass over the whole, written down straight: a byte goes if it is part of any occurrence."""
    reach = [
        max((at + len(secret) for secret in SECRETS if text.startswith(secret, at)), default=at)
        for at in range(len(text))
    ]
    written, at = [], 0
    while at < len(text):
        end = reach[at]
        written.append("[redacted]" if end > at else text[at])
        begin = at + 1
        while begin < end:
            end, begin = max(end, reach[begin]), begin + 1
        at = max(end, at + 1)
    return "".join(written)


@PATIENT
@given(TEXTS, CUTS)
@example("Authorization: \nhunter2-hunter2", [13, 14, 15, 16])
@example("authorization" + " " * 16 + ":" + " " * 16 + "''''x\n", [30, 31, 48, 50])
def test_the_pieces_in_which_bytes_come_do_not_matter(text: str, cuts: list[int]) -> None:
    data = text.encode("utf-8", "replace")
    whole = streamed(REDACTOR, [data])
    assert streamed(REDACTOR, in_pieces(data, cuts)) == whole
    assert streamed(REDACTOR, [bytes([byte]) for byte in data]) == whole
    assert REDACTOR.data(data) == whole


@PATIENT
@given(TEXTS)
def test_utf8_stays_utf8_and_no_secret_is_left(text: str) -> None:
    redacted = REDACTOR.data(text.encode("utf-8", "replace")).decode("utf-8")
    assert not [secret for secret in SECRETS if secret in redacted]
    assert REDACTOR.text(redacted) == redacted


@PATIENT
@given(
    st.lists(st.sampled_from([*SECRETS[:5], "hunter2", "aaa", "abc", "x", "é", " ", "h"]), max_size=12).map(
        "".join
    )
)
def test_what_is_covered_is_what_secrets_cover_and_no_more(text: str) -> None:
    assert REDACTOR.text(text) == straight(text)


@PATIENT
@given(st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes_pass_a_redactor_that_knows_no_secret(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    assert streamed(Redactor(), pieces) == Redactor().data(data)
    if not any(word in data.lower() for word in (b"authorization", b"bearer", b"cue_sk_")):
        assert Redactor().data(data) == data


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("GET / Authorization: Bearer abc.def\r\nHost: x", "GET / Authorization: [redacted]\r\nHost: x"),
        ("{'authorization': 'Basic eHl6', 'a': 1}", "{'authorization': '[redacted]', 'a': 1}"),
        (r"{\"Authorization\": \"t\"}", r"{\"Authorization\": \"[redacted]" + '"}'),
        ('curl -H "Authorization:token"', 'curl -H "Authorization:[redacted]"'),
        ("sent Bearer 0123456789abcdef, ok", "sent Bearer [redacted], ok"),
        ("key cue_sk_0123456789abcdef.", "key cue_sk_[redacted]."),
        ("the bearer of news", "the bearer of news"),
        ("authorization\nnone: x", "authorization\nnone: x"),
        ("author", "author"),
    ],
)
def test_what_looks_like_a_credential_goes_whoever_it_belongs_to(text: str, redacted: str) -> None:
    assert Redactor().text(text) == redacted


SECRET = 'pässwörd with "quotes", it\'s $x & a\\b\nline two of it'


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps({"a": SECRET}),
        json.dumps([SECRET], ensure_ascii=False),
        repr({"PASSWORD": SECRET}),
        f"PASSWORD={shlex.quote(SECRET)}",
        urllib.parse.urlencode({"p": SECRET}),
        "https://host/" + urllib.parse.quote(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode() + b"\n").decode(),
        "\n".join(f"  > {line}" for line in SECRET.split("\n")),
    ],
)
def test_a_value_is_found_in_the_ways_that_programs_write_it(written: str) -> None:
    redacted = Redactor([SECRET]).text(written)
    assert "[redacted]" in redacted
    left = [
        part
        for part in ("rd with", "$x", "a\\b", "two of", "d%20with", "d+with", "HdpdGgg")
        if part in redacted
    ]
    assert left == []


def test_short_values_are_words_and_are_not_searched_for() -> None:
    assert Redactor(["", "true", "12345"]).text("true 12345") == "true 12345"
    assert Redactor(["123456"]).text("123456") == "[redacted]"


def test_values_are_searched_in_keys_texts_and_numbers_and_keep_their_shape() -> None:
    redactor = Redactor(["123456789", "hunter2-hunter2"])
    value = {"a": [None, True, 1.5, 123456789, "x hunter2-hunter2"], "hunter2-hunter2": {"b": 10**400}}
    assert redactor.value(value) == {
        "a": [None, True, 1.5, "[redacted]", "x [redacted]"],
        "[redacted]": {"b": 10**400},
    }
    deep: Any = "hunter2-hunter2"
    for _ in range(900):
        deep = [deep]
    redactor.value(deep)


def test_a_report_loses_its_secrets_and_nothing_else() -> None:
    report = Report(
        success=False,
        result="ok",
        error="bad hunter2-hunter2",
        external_id="hunter2-hunter2",
        result_url="https://example.com/?key=hunter2-hunter2",
        artifacts=[{"name": "hunter2-hunter2"}],
        metadata={"hunter2-hunter2": [1]},
    )
    redacted = Redactor(["hunter2-hunter2"]).report(report)
    assert redacted == Report(
        success=False,
        result="ok",
        error="bad [redacted]",
        external_id="[redacted]",
        result_url="https://example.com/?key=[redacted]",
        artifacts=[{"name": "[redacted]"}],
        metadata={"[redacted]": [1]},
    )


def test_what_is_held_back_is_bounded_and_comes_as_soon_as_it_can() -> None:
    stream = Redactor(["hunter2-hunter2", "aaaaaa"]).stream()
    assert stream.feed(b"a line\n") == b"a line\n"
    assert stream.feed(b"hunt") == b""
    assert stream.feed(b"ing\n") == b"hunting\n"
    shown = b"".join(stream.feed(b"a" * 1000) for _ in range(100))
    assert shown == b"[redacted]"
    assert stream.feed(b"z") == b"z"
    assert stream.feed(b"Authorization: x") == b"Authorization: [redacted]"
    assert [stream.feed(b"y" * 1000) for _ in range(3)] == [b"", b"", b""]
    assert stream.feed(b"\nz") == b"\nz"
