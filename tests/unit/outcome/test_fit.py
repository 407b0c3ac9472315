"""Fitting: the limits of the protocol's table, checked against a checker written from that table alone."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Any

import pytest
from cueworker.outcome import Report, fit
from hypothesis import given
from unit.outcome.report_checking import PATIENT, REPORTS, refusals


def fitted(**fields: Any) -> Report:
    return fit(Report(success=True, **fields))


def changes(report: Report) -> Any:
    return (report.metadata or {}).get("_cueapi_worker")


@PATIENT
@given(REPORTS)
def test_any_report_is_made_acceptable(report: Report) -> None:
    assert refusals(fit(report).body()) == []


@PATIENT
@given(REPORTS)
def test_fitting_again_changes_nothing(report: Report) -> None:
    once = fit(report)
    assert fit(once) == once


@PATIENT
@given(REPORTS)
def test_the_verdict_and_the_presence_of_texts_never_change(report: Report) -> None:
    fit_report = fit(report)
    assert fit_report.success is report.success
    for name in ("result", "error", "external_id", "result_ref", "result_type", "summary"):
        assert (getattr(fit_report, name) is None) is (getattr(report, name) is None)


def test_an_acceptable_report_passes_unchanged() -> None:
    report = Report(
        success=True,
        result="é" * 2000,
        error="\x01" * 2000,
        external_id="i" * 255,
        result_url="https://example.com/" + "u" * 1980,
        result_ref="f" * 255,
        result_type="t" * 50,
        summary="s" * 500,
        artifacts=[{"n": 2**63 - 1, "m": -(2**63), "x": 1e308}],
        metadata={"pad": "x" * (10_240 - len('{"pad": ""}'))},
    )
    assert fit(report) == report


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("result", 2000),
        ("error", 2000),
        ("external_id", 255),
        ("result_ref", 255),
        ("result_type", 50),
        ("summary", 500),
    ],
)
def test_a_text_over_the_limit_is_clipped_and_its_length_named(name: str, limit: int) -> None:
    report = fitted(**{name: "0123456789" * 1000})
    assert 0 <= limit - len(getattr(report, name)) < 5
    assert changes(report) == {"clipped": {name: 10_000}}


@pytest.mark.parametrize("name", ["result", "error"])
def test_output_keeps_its_beginning_and_its_end(name: str) -> None:
    text = getattr(fitted(**{name: "first line\n" + "x" * 100_000 + "\nlast line"}), name)
    assert text.startswith("first line\nxxx")
    assert text.endswith("xxx\nlast line")
    assert "x\n... [98,055 characters cut] ...\nx" in text
    assert len(text) <= 2000


def test_the_marker_counts_exactly_what_was_cut() -> None:
    text = fitted(result="x" * 2001).result or ""
    cut = int(text.split("[")[1].split(" ")[0].replace(",", ""))
    assert text.count("x") + cut == 2001


def test_identifiers_are_cut_without_a_marker() -> None:
    assert fitted(external_id="i" * 300).external_id == "i" * 255
    assert fitted(summary="s" * 600).summary == "s" * 497 + "..."


CLEANED = [
    ("a\x00b", "a\ufffdb"),
    ("\ud83d", "\ufffd"),
    (float("nan"), "NaN"),
    (float("inf"), "Infinity"),
    (float("-inf"), "-Infinity"),
    (2**63, "9223372036854775808"),
    (-(2**63) - 1, "-9223372036854775809"),
    (10**5000, "(an integer of 16,610 bits)"),
    ({"k\x00": {"\ud800": 0}}, {"k\ufffd": {"\ufffd": 0}}),
    ({1: 2}, {"1": 2}),
    ({"a"}, "{'a'}"),
    (b"a\x00", "b'a\\x00'"),
]


@pytest.mark.parametrize(("value", "clean"), CLEANED, ids=range(len(CLEANED)))
def test_what_the_server_cannot_store_is_cleaned_at_any_depth(value: Any, clean: Any) -> None:
    report = fitted(artifacts=[{"deep": [value]}], metadata={"deep": {"er": value}})
    assert report.artifacts == [{"deep": [clean]}]
    assert report.metadata == {
        "deep": {"er": clean},
        "_cueapi_worker": {"cleaned": ["artifacts", "metadata"]},
    }


@pytest.mark.parametrize("name", ["result", "error", "external_id", "result_ref", "result_type", "summary"])
def test_texts_are_cleaned(name: str) -> None:
    report = fitted(**{name: "a\x00\udfffb"})
    assert getattr(report, name) == "a\ufffd\ufffdb"
    assert changes(report) == {"cleaned": [name]}


def test_an_enum_is_an_integer_like_any_other() -> None:
    class Level(IntEnum):
        HIGH = 2**40

    assert fitted(artifacts=[Level.HIGH]).artifacts == [2**40]


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_nesting_is_limited_to_32_levels() -> None:
    assert fitted(artifacts=nested(32)).artifacts == nested(32)
    report = fitted(artifacts=nested(33))
    assert json.dumps(report.artifacts) == "[" * 32 + '"(nested deeper than 32 levels)"' + "]" * 32
    assert changes(report) == {"cleaned": ["artifacts"]}


def test_nesting_far_beyond_the_recursion_limit_survives() -> None:
    report = fitted(artifacts=nested(100_000), metadata={"deep": nested(100_000)})
    assert refusals(report.body()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "HTTPS://EXAMPLE.COM/x?y#z",
        "https://user:pass@example.com:8443/",
        "http://127.0.0.1:1/",
        "http://[::1]:80/",
        "http://my_host./",
        "https://bücher.example/ä?ö#ü",
        "https://xn--bcher-kva.example/",
        "https://example.com/a?b=c\\d",
    ],
)
def test_addresses_with_a_host_are_kept(url: str) -> None:
    assert fitted(result_url=url) == Report(success=True, result_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///path",
        "https://:80/",
        "https://user@",
        "example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "http://[::1",
        "http://[::1%25eth0]/",
        "http://[v1.x]/",
        "http://exa mple.com/",
        "http://a\tb/",
        "http://a..b/",
        "http://.a/",
        "http://a:port/",
        "http://a:65536/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://host.0x4/",
        "http://xn--a/",
        "http://a\\b/",
        "http://a<b>/",
        "http://%41/",
        "https://" + "a" * 64 + "/",
        "https://example.com/" + "u" * 1981,
        "https://example.com/" + "ü" * 400,
    ],
)
def test_addresses_that_the_server_would_refuse_are_removed_and_named(url: str) -> None:
    report = fitted(result_url=url)
    assert report.result_url is None
    assert changes(report)["removed"] == ["result_url"]


def test_blanks_in_an_address_are_encoded_and_those_around_it_cut() -> None:
    report = fitted(result_url="https://example.com/My Report.pdf\n")
    assert report.result_url == "https://example.com/My%20Report.pdf"
    assert changes(report) == {"cleaned": ["result_url"]}


def test_artifacts_keep_the_first_ones_that_fit() -> None:
    item = "x" * (1024 - len('"", '))
    assert fitted(artifacts=[item] * 64).artifacts == [item] * 64
    assert fitted(artifacts=[item] * 63 + [item + "x"]).artifacts == [item] * 63
    report = fitted(artifacts=[item] * 65)
    assert report.artifacts == [item] * 64
    assert changes(report) == {"clipped": {"artifacts": 65}}


def test_a_single_huge_artifact_is_removed() -> None:
    report = fitted(artifacts=["x" * 70_000, "small"])
    assert report.artifacts is None
    assert changes(report) == {"removed": ["artifacts"]}


OURS = {"ending": "exited", "exit_code": 0}


def test_the_handlers_metadata_gives_way_as_a_whole() -> None:
    report = fitted(metadata={"a": "é" * 1700, "b": 1, "_cueapi_worker": OURS})
    assert report.metadata == {"_cueapi_worker": {**OURS, "removed": ["metadata"]}}


def test_metadata_of_exactly_the_limit_stays() -> None:
    frame = len(json.dumps({"a": "", "_cueapi_worker": OURS}))
    report = fitted(metadata={"a": "x" * (10_240 - frame), "_cueapi_worker": OURS})
    assert len(json.dumps(report.metadata)) == 10_240
    assert changes(report) == OURS
    over = fitted(metadata={"a": "x" * (10_241 - frame), "_cueapi_worker": OURS})
    assert over.metadata == {"_cueapi_worker": {**OURS, "removed": ["metadata"]}}


def test_kept_output_gives_way_before_the_handlers_metadata() -> None:
    entry = {"ending": "lease_lost", "output": "x" * 1990 + "the end"}
    report = fitted(metadata={"proof": "p" * 9000, "_cueapi_worker": entry})
    assert report.metadata is not None
    assert report.metadata["proof"] == "p" * 9000
    assert changes(report)["output"].endswith("the end")
    assert changes(report)["clipped"] == {"output": 1997}


def test_kept_output_goes_before_the_handlers_metadata_does() -> None:
    entry = {"ending": "lease_lost", "output": "x" * 2000}
    report = fitted(metadata={"proof": "p" * 10_100, "_cueapi_worker": entry})
    assert report.metadata is not None
    assert report.metadata["proof"] == "p" * 10_100
    assert changes(report) == {"ending": "lease_lost", "removed": ["output"]}


def test_output_that_is_expensive_to_escape_is_clipped_until_it_fits() -> None:
    entry = {"ending": "timed_out", "output": "\U0001f600" * 2000}
    report = fitted(metadata={"_cueapi_worker": entry})
    assert changes(report)["clipped"] == {"output": 2000}
    assert changes(report)["output"].endswith("\U0001f600" * 400)
    assert refusals(report.body()) == []


def test_our_own_details_go_last_and_the_ending_stays() -> None:
    entry = {**OURS, "anything": "x" * 20_000}
    report = fitted(metadata={"k": 1, "_cueapi_worker": entry})
    assert changes(report) == {**OURS, "removed": ["metadata", "details"]}


def test_a_forged_record_of_changes_cannot_grow() -> None:
    entry = {"removed": ["x" * 9000, "result", 5], "clipped": {"x": 1, "result": 7}, "cleaned": "x" * 9000}
    assert changes(fitted(metadata={"_cueapi_worker": entry})) == {
        "removed": ["result"],
        "clipped": {"result": 7},
    }


def test_the_first_recorded_length_is_the_original_one() -> None:
    once = fitted(result="x" * 5000)
    again = fit(Report(success=True, result="y" * 3000, metadata=once.metadata))
    assert changes(again) == {"clipped": {"result": 5000}}
