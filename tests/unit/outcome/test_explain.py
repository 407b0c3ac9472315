"""The outcome file's verdict in words: every field is accounted for, and says what the report really holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cueworker.outcome import Ending, FieldFate, explain, fit, parse_outcome, resolve
from hypothesis import given, settings
from hypothesis import strategies as st

EXITED = Ending.exited(0)


def verdicts(document: dict[str, Any], ending: Ending = EXITED) -> dict[str, tuple[FieldFate, str | None]]:
    file = parse_outcome(json.dumps(document, ensure_ascii=False).encode())
    report = fit(resolve(ending, file, "output"))
    return {field.name: (field.fate, field.why) for field in explain(ending, file, report)}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("success", "yes", "must be true or false, not text"),
        ("result", 5, "must be text, not a number"),
        ("summary", "x" * 501, "has 501 characters, at most 500 count"),
        ("result_url", "ftp://example.com", "must begin with http:// or https://"),
        ("artifacts", {}, "must be a list, not an object"),
        ("metadata", [], "must be an object, not a list"),
        ("exit_code", 1, "is not a field of the outcome file"),
        ("error", "e", "a success has no error"),
        ("result", " \n", "it is blank: the handler's output stands in"),
        ("result_url", "http://[::1", "the server would not take it as a web address"),
        ("artifacts", ["a", 1.5], None),
    ],
)
def test_each_reason_to_drop_a_field_is_told(field: str, value: Any, why: str | None) -> None:
    found = verdicts({field: value, "external_id": "kept"})
    assert found["external_id"] == (FieldFate.KEPT, None)
    assert found[field] == ((FieldFate.KEPT, None) if why is None else (FieldFate.DROPPED, why))


def test_what_the_server_makes_smaller_is_told_with_both_sizes() -> None:
    found = verdicts({"result_ref": "r" * 300, "external_id": "a\x00b"})
    assert found["result_ref"] == (FieldFate.CLIPPED, "300 characters, of which the server takes 255")
    assert found["external_id"][0] is FieldFate.CLEANED
    assert verdicts({"metadata": {"n": "é" * 2_000}})["metadata"][0] is FieldFate.DROPPED


def test_the_workers_own_entry_is_not_the_handlers() -> None:
    found = verdicts({"metadata": {"_cueapi_worker": {}, "mine": 1}})
    assert found["metadata._cueapi_worker"][0] is FieldFate.DROPPED
    assert found["metadata"] == (FieldFate.KEPT, None)


@pytest.mark.parametrize(
    ("ending", "field", "fate"),
    [
        (Ending.timed_out(1), "external_id", FieldFate.DROPPED),
        (Ending.exited(3), "external_id", FieldFate.KEPT),
        (Ending.exited(3), "success", FieldFate.DROPPED),
        (Ending.exited(3), "error", FieldFate.KEPT),
        (Ending.worker_lost(), "error", FieldFate.DROPPED),
        (Ending.worker_lost(), "external_id", FieldFate.KEPT),
    ],
)
def test_the_ending_decides_what_counts(ending: Ending, field: str, fate: FieldFate) -> None:
    found = verdicts({"success": True, "error": "e", "external_id": "x"}, ending)
    assert found[field][0] is fate


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=600)
    | st.lists(st.text(max_size=5), max_size=3)
)
NAMES = st.sampled_from(
    ["success", "result", "error", "external_id", "result_url", "artifacts", "other", "metadata"]
)


@settings(max_examples=60)
@given(
    st.dictionaries(NAMES, VALUES | st.dictionaries(st.text(max_size=4), VALUES, max_size=2)),
    st.integers(0, 1),
)
def test_every_field_given_has_one_verdict_and_a_kept_one_is_in_the_report(
    document: dict[str, Any], code: int
) -> None:
    file = parse_outcome(json.dumps(document).encode())
    report = fit(resolve(Ending.exited(code), file, "output"))
    found = explain(Ending.exited(code), file, report)
    if file.parse_error is not None:
        return
    given = {name for name, value in document.items() if value is not None}
    assert {field.name for field in found if "." not in field.name} == given
    assert len({field.name for field in found}) == len(found)
    body = report.body()
    for field in found:
        if field.fate is FieldFate.KEPT and field.name != "metadata":
            assert body[field.name] == document[field.name]
        assert (field.why is None) == (field.fate is FieldFate.KEPT)
