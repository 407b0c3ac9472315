"""The bytes of an outcome file: what counts, what is dropped, and that nothing makes the parser raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cueworker.outcome import OutcomeFile, parse_outcome
from hypothesis import given
from hypothesis import strategies as st
from unit.outcome.report_checking import PATIENT


def parse(document: Any) -> OutcomeFile:
    return parse_outcome(json.dumps(document).encode())


def padded(size: int) -> bytes:
    """A valid file of exactly `size` bytes."""
    frame = len(b'{"metadata": {"pad": ""}}')
    return b'{"metadata": {"pad": "' + b"x" * (size - frame) + b'"}}'


@pytest.mark.parametrize("raw", [b"", b" ", b"\n\t \r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_nothing_but_whitespace_counts_as_absent(raw: bytes) -> None:
    assert parse_outcome(raw) == OutcomeFile({}, present=False)


FULL = {
    "success": True,
    "result": "r" * 2000,
    "error": "e" * 2000,
    "external_id": "i" * 500,
    "result_url": "https://example.com/" + "u" * 1980,
    "result_ref": "f" * 500,
    "result_type": "t" * 100,
    "summary": "s" * 500,
    "artifacts": [],
    "metadata": {},
}


def test_every_field_at_its_limit_is_kept() -> None:
    for name, value in FULL.items():
        assert parse({name: value}) == OutcomeFile({name: value}, present=True)


@pytest.mark.parametrize(
    "name", ["result", "error", "external_id", "result_url", "result_ref", "result_type", "summary"]
)
def test_a_text_over_its_limit_is_dropped_and_the_rest_counts(name: str) -> None:
    other = "summary" if name != "summary" else "result"
    file = parse({name: f"{FULL[name]}x", other: "kept"})
    assert file == OutcomeFile({other: "kept"}, dropped_fields=(name,), present=True)


NO_TEXT: list[Any] = [1, True, 0.5, ["x"], {"x": "y"}]
NO_ADDRESS: list[Any] = ["", "example.com", "ftp://example.com", "javascript:1", " http://a"]
DROPPED: dict[str, list[Any]] = {
    "success": [1, 0, "true", "", [], {}, 1.0],
    **dict.fromkeys(["result", "error", "external_id", "result_ref", "result_type", "summary"], NO_TEXT),
    "result_url": NO_TEXT + NO_ADDRESS,
    "artifacts": [{}, "[]", 1, True],
    "metadata": [[], "{}", 1, True],
    **{name: ["x"] for name in ("", "Success", "exit_code", "_cueapi_worker", "a\x00b", "\ud800")},
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in DROPPED.items() for value in values]
)
def test_an_ill_typed_or_unknown_field_is_dropped_and_the_rest_counts(name: str, value: Any) -> None:
    other = "summary" if name != "summary" else "result"
    file = parse({name: value, other: "kept"})
    assert file == OutcomeFile({other: "kept"}, dropped_fields=(name,), present=True)


def test_a_null_is_a_field_that_was_not_given() -> None:
    assert parse(dict.fromkeys(FULL)) == OutcomeFile({}, present=True)


def test_http_in_capitals_is_http() -> None:
    assert parse({"result_url": "HTTP://EXAMPLE.COM"}).fields == {"result_url": "HTTP://EXAMPLE.COM"}


def test_dropped_names_are_bounded_in_count_and_length() -> None:
    names = parse({f"{number}{'n' * 300}": 1 for number in range(30)}).dropped_fields
    assert len(names) == 20
    assert names[0] == "0" + "n" * 56 + "..."
    assert names[-1] == "... and 11 more"
    assert all(len(name) <= 60 for name in names)


def test_exactly_20_dropped_names_are_all_shown() -> None:
    assert parse({f"n{number}": 1 for number in range(20)}).dropped_fields == tuple(
        f"n{n}" for n in range(20)
    )


@pytest.mark.parametrize(
    ("raw", "parse_error"),
    [
        (padded(10_241), "outcome_file_too_large: more than 10,240 bytes"),
        (b'{"result": "\xff"}', "outcome_file_not_utf8: invalid start byte at byte 12"),
        ('{"result": "ok"}'.encode("utf-16"), "outcome_file_not_utf8: invalid start byte at byte 0"),
        (b"ok", "outcome_file_malformed_json: Expecting value at line 1 column 1"),
        (b'{"result": "ok"', "outcome_file_malformed_json: Expecting ',' delimiter at line 1 column 16"),
        (
            b'{"result": "a\x00b"}',
            "outcome_file_malformed_json: Invalid control character at at line 1 column 14",
        ),
        (b'{"result": "ok"}{}', "outcome_file_malformed_json: Extra data at line 1 column 17"),
        (
            b'{"metadata": {"n": ' + b"9" * 5000 + b"}}",
            "outcome_file_malformed_json: a number has too many digits",
        ),
        (b"\x00" * 10, "outcome_file_malformed_json: Expecting value at line 1 column 1"),
        (b'["a"]', "outcome_file_not_an_object"),
        (b"null", "outcome_file_not_an_object"),
        (b"true", "outcome_file_not_an_object"),
        (b'"{}"', "outcome_file_not_an_object"),
    ],
)
def test_an_unusable_file_says_why_and_nothing_in_it_counts(raw: bytes, parse_error: str) -> None:
    assert parse_outcome(raw) == OutcomeFile({}, parse_error, present=True)


@pytest.mark.parametrize(
    "raw", [b"[" * 10_240, b'{"a":' * 2_048, b'{"artifacts":' + b"[" * 5000 + b"]" * 5000 + b"}"]
)
def test_deep_nesting_survives(raw: bytes) -> None:
    file = parse_outcome(raw)
    assert file.present
    assert file.parse_error is None or file.parse_error.startswith("outcome_file_malformed_json: ")


def test_a_full_size_file_counts() -> None:
    assert len(parse_outcome(padded(10_240)).fields["metadata"]["pad"]) == 10_240 - 25


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_outcome(b'\xef\xbb\xbf{"result": "ok"}').fields == {"result": "ok"}


def test_of_duplicate_keys_the_last_one_wins() -> None:
    assert parse_outcome(b'{"success": true, "success": false}').fields == {"success": False}


def test_escaped_nul_surrogates_and_non_finite_numbers_pass() -> None:
    file = parse_outcome(b'{"result": "\\u0000\\ud800", "artifacts": [Infinity, -Infinity, 1e999]}')
    infinity = float("inf")
    assert file.fields == {"result": "\x00\ud800", "artifacts": [infinity, -infinity, infinity]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
NAMES = st.sampled_from([*FULL, "other"])


@PATIENT
@given(
    st.binary()
    | st.text().map(str.encode)
    | st.dictionaries(NAMES, JSON).map(lambda d: json.dumps(d).encode())
)
def test_no_bytes_make_the_parser_raise(raw: bytes) -> None:
    file = parse_outcome(raw)
    assert not (file.fields and (file.parse_error or not file.present))
    assert set(file.fields) <= set(FULL)
