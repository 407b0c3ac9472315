"""PROTOCOL.md's table of exit code against outcome file, row by row, with real handlers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.pool import SETTLED, Pool, running, site_of
from support.site import Site
from support.waiting import until

ACT = r"""
case $HOW in
  absent) rm "$CUEAPI_OUTCOME_FILE" ;;
  untouched) ;;
  written) printf %b "$FILE" > "$CUEAPI_OUTCOME_FILE" ;;
esac
printf %s "$STDOUT"
printf %s "$STDERR" >&2
"""
SEEN = 'ls "$CUEAPI_OUTCOME_FILE" > "$SEEN/$CUEAPI_EXECUTION_ID"\n'
"""Writes down where the outcome file is, and that it is there."""

EVIDENCE: dict[str, Any] = {
    "external_id": "pay-1",
    "result_url": "https://example.com/1",
    "result_ref": "refs/1",
    "result_type": "payment",
    "summary": "paid",
    "artifacts": [{"name": "receipt"}, "a"],
}


@dataclass(frozen=True)
class Left:
    """What a handler leaves behind."""

    code: int = 0
    file: str | None = None
    """Text, with `\\0377` for a byte; None: no file at all; `untouched`: as it was created, empty."""
    stdout: str = ""
    stderr: str = ""

    def payload(self) -> dict[str, str]:
        how = {None: "absent", "untouched": "untouched"}.get(self.file, "written")
        return {
            "code": str(self.code),
            "how": how,
            "file": self.file or "",
            "stdout": self.stdout,
            "stderr": self.stderr,
        }


@dataclass(frozen=True)
class Row:
    """A row of the table: what a handler left, and what is recorded."""

    left: Left
    success: bool
    result: str | None = None
    error: str | None = None
    evidence: dict[str, Any] | None = None
    notes: tuple[tuple[str, Any], ...] = ()
    """What the pool's own metadata say beyond the ending."""


def said(**fields: Any) -> str:
    return json.dumps(fields)


def failed(left: Left, error: str, **rest: Any) -> Row:
    return Row(left, False, error=error, **rest)


def succeeded(left: Left, result: str = "completed", **rest: Any) -> Row:
    return Row(left, True, result=result, **rest)


def unusable(why: str) -> dict[str, Any]:
    return {"notes": (("outcome_file_parse_error", why),)}


def dropped(*names: str) -> dict[str, Any]:
    return {"notes": (("outcome_file_dropped_fields", list(names)),)}


MALFORMED = '{"success": false, "external_id": "x"'
CUT_OFF = unusable("outcome_file_malformed_json: Expecting ',' delimiter at line 1 column 38")
TOO_LARGE = said(success=False).ljust(10_241)
LARGE = unusable("outcome_file_too_large: more than 10,240 bytes (10,241 bytes)")
NOT_UTF8 = r'{"success": false, "result": "\0377"}'
BYTES = unusable("outcome_file_not_utf8: invalid start byte at byte 30")
LIST = unusable("outcome_file_not_an_object")

ROWS = {
    # exit 0, file absent or empty: success, no evidence.
    "0 absent": succeeded(Left()),
    "0 untouched": succeeded(Left(0, "untouched")),
    "0 blank": succeeded(Left(0, " \n")),
    "0 absent, output": succeeded(Left(0, None, "out\n"), "out\n"),
    "0 absent, blank output": succeeded(Left(0, None, " \n"), "completed"),
    "0 absent, output and errors": succeeded(Left(0, None, "out", "err"), "out\n--- stderr ---\nerr"),
    "0 absent, errors": succeeded(Left(0, None, "", "err"), "err"),
    # exit 0, success true or omitted: success, evidence merged.
    "0 empty object": succeeded(Left(0, "{}")),
    "0 true": succeeded(Left(0, said(success=True), "out"), "out"),
    "0 true with result": succeeded(Left(0, said(success=True, result="r"), "out"), "r"),
    "0 result": succeeded(Left(0, said(result="r"), "out"), "r"),
    "0 empty result": succeeded(Left(0, said(result=""), "out"), "out"),
    "0 null for not given": succeeded(Left(0, said(success=None, result=None), "out"), "out"),
    "0 true with evidence": succeeded(Left(0, said(success=True, **EVIDENCE)), evidence=EVIDENCE),
    "0 evidence": succeeded(Left(0, said(**EVIDENCE), "out"), "out", evidence=EVIDENCE),
    "0 true with error": succeeded(Left(0, said(success=True, error="e")), **dropped("error")),
    # exit 0, success false: failure, the file wins.
    "0 false": failed(Left(0, said(success=False)), "handler failed"),
    "0 false, output": failed(Left(0, said(success=False), "out", "err"), "out\n--- stderr ---\nerr"),
    "0 false with error": failed(Left(0, said(success=False, error="e"), "out"), "e"),
    "0 false with result": failed(Left(0, said(success=False, result="r")), "handler failed", result="r"),
    "0 false with evidence": failed(
        Left(0, said(success=False, **EVIDENCE)), "handler failed", evidence=EVIDENCE
    ),
    # exit not 0, file absent or empty: failure, the error is the output.
    "3 absent": failed(Left(3), "handler failed"),
    "3 untouched": failed(Left(3, "untouched"), "handler failed"),
    "3 blank": failed(Left(3, " \n"), "handler failed"),
    "3 absent, output": failed(Left(3, None, "out"), "out"),
    "3 absent, output and errors": failed(Left(3, None, "out", "err"), "out\n--- stderr ---\nerr"),
    "3 absent, errors": failed(Left(3, None, "", "err"), "err"),
    # exit not 0, any file: failure, the exit code wins, evidence still attached.
    "3 empty object": failed(Left(3, "{}", "out"), "out"),
    "3 true": failed(Left(3, said(success=True), "out"), "out"),
    "3 true with evidence": failed(
        Left(3, said(success=True, **EVIDENCE)), "handler failed", evidence=EVIDENCE
    ),
    "3 true with result": failed(Left(3, said(success=True, result="r")), "handler failed", result="r"),
    "3 false with error": failed(Left(3, said(success=False, error="e"), "out"), "e"),
    "3 error": failed(Left(3, said(error="e"), "out", "err"), "e"),
    # any exit, a file that is no outcome: exit code alone, and why.
    "0 malformed": succeeded(Left(0, MALFORMED), **CUT_OFF),
    "0 malformed, output": succeeded(Left(0, MALFORMED, "out"), "out", **CUT_OFF),
    "3 malformed": failed(Left(3, MALFORMED), "handler failed", **CUT_OFF),
    "0 too large": succeeded(Left(0, TOO_LARGE), **LARGE),
    "3 too large": failed(Left(3, TOO_LARGE), "handler failed", **LARGE),
    "0 not UTF-8": succeeded(Left(0, NOT_UTF8), **BYTES),
    "3 not UTF-8": failed(Left(3, NOT_UTF8), "handler failed", **BYTES),
    "0 no object": succeeded(Left(0, "[]"), **LIST),
    # single fields that are dropped; the rest of the file counts.
    "0 unknown field": succeeded(Left(0, said(result="r", colour="red")), "r", **dropped("colour")),
    "0 success is text": succeeded(Left(0, said(success="no")), **dropped("success")),
    "0 success is 0": succeeded(Left(0, said(success=0)), **dropped("success")),
    "0 false beside ill-typed": failed(
        Left(0, said(success=False, error=["e"], artifacts={}, metadata=[], external_id="x")),
        "handler failed",
        evidence={"external_id": "x"},
        **dropped("error", "artifacts", "metadata"),
    ),
    "3 ill-typed": failed(
        Left(3, said(summary=1, result_ref=None, result_type=True)),
        "handler failed",
        **dropped("summary", "result_type"),
    ),
    "0 over-long": succeeded(
        Left(0, said(result="r" * 2_001, summary="s" * 501, external_id="i" * 501, result_ref="f" * 255)),
        evidence={"result_ref": "f" * 255},
        **dropped("result", "summary", "external_id"),
    ),
    "0 at their limits": succeeded(
        Left(0, said(result="r" * 2_000, summary="s" * 500, external_id="i" * 255)),
        "r" * 2_000,
        evidence={"summary": "s" * 500, "external_id": "i" * 255},
    ),
    "0 no web address": succeeded(Left(0, said(result_url="ftp://example.com/1")), **dropped("result_url")),
}

MODES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # verification mode: (the evidence that it asks for, what counts as missing)
    "require_external_id": ({"external_id": "pay-1"}, {"external_id": "", "summary": "paid"}),
    "require_result_url": (
        {"result_url": "https://example.com/1"},
        {"result_url": "http://", "summary": "paid"},
    ),
    "require_artifacts": ({"artifacts": ["a"]}, {"artifacts": [], "summary": "paid"}),
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seen")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, seen: Path) -> Iterator[Pool]:
    names = ("how", "file", "stdout", "stderr", "code")
    env = {name.upper(): f"{{{{ payload.{name} }}}}" for name in names} | {"SEEN": str(seen)}
    handlers = {
        "row": {"cmd": f'{SEEN}{ACT}exit "$CODE"', "env": env},
        "slow": {"cmd": f"{SEEN}{ACT}exec sleep 300", "env": env, "timeout": 1},
        "killed": {"cmd": f"{SEEN}{ACT}kill -SEGV $$", "env": env},
    }
    with running(Pool(tmp_path_factory.mktemp("table"), handlers)) as pool:
        yield pool


@pytest.fixture(scope="module")
def site(pool: Pool) -> Iterator[Site]:
    with site_of(pool, "row", Left().payload()) as site:
        yield site


def entry_of(row: Row, **ending: Any) -> dict[str, Any]:
    return {"_cueapi_worker": {**ending, **dict(row.notes)}}


def check(found: dict[str, Any], row: Row, **ending: Any) -> None:
    """The server has exactly what the row says, and counts it so."""
    assert found["status"] == ("success" if row.success else "failed")
    assert found["outcome_state"] == ("reported_success" if row.success else "reported_failure")
    assert found["attempts"] == 1
    recorded = {name: found["outcome"][name] for name in ("success", "result", "error", "metadata")}
    assert recorded == {
        "success": row.success,
        "result": row.result,
        "error": row.error,
        "metadata": entry_of(row, **ending),
    }
    assert found["evidence"] == row.evidence


def check_file_is_gone(pool: Pool, seen: Path, execution: str) -> None:
    """The file was there when the handler ran, and is gone."""
    outcome_file = Path((seen / execution).read_text().strip())
    assert outcome_file.parent.parent == pool.state_dir / "outcomes"
    until(lambda: not outcome_file.exists(), "the outcome file is deleted")
    until(lambda: pool.leftovers() == SETTLED, "everything is settled")


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_table(pool: Pool, site: Site, seen: Path, name: str) -> None:
    row = ROWS[name]
    execution = site.fire("row", row.left.payload())
    check(site.recorded(execution), row, ending="exited", exit_code=row.left.code)
    check_file_is_gone(pool, seen, execution)


@pytest.mark.parametrize("file", [None, said(success=True, result="r", error="e", **EVIDENCE), MALFORMED])
def test_after_a_timeout_the_file_is_not_trusted(
    pool: Pool, site: Site, seen: Path, file: str | None
) -> None:
    left = Left(0, file, "out")
    ignored = {} if file is None else {"outcome_file_ignored": True}
    row = failed(left, "Handler timeout exceeded (1s)", notes=tuple({**ignored, "output": "out"}.items()))
    execution = site.fire("slow", left.payload())
    check(site.recorded(execution), row, ending="timed_out", timeout=1.0)
    check_file_is_gone(pool, seen, execution)


@pytest.mark.parametrize(
    ("left", "error", "evidence"),
    [
        (Left(), "handler killed by signal 11 (SIGSEGV)", None),
        (Left(0, said(success=True, **EVIDENCE)), "handler killed by signal 11 (SIGSEGV)", EVIDENCE),
        (Left(0, said(error="e"), "out"), "e", None),
        (Left(0, None, "out"), "out", None),
    ],
)
def test_a_signal_is_a_failure_with_its_evidence(
    pool: Pool, site: Site, seen: Path, left: Left, error: str, evidence: dict[str, Any] | None
) -> None:
    execution = site.fire("killed", left.payload())
    check(site.recorded(execution), failed(left, error, evidence=evidence), ending="signalled", signal=11)
    check_file_is_gone(pool, seen, execution)


def test_metadata_of_the_handler_stand_beside_the_pools(site: Site) -> None:
    metadata = {"build": 7, "tags": ["a", {"b": None}]}
    found = site.recorded(site.fire("row", Left(0, said(metadata=metadata)).payload()))
    assert found["outcome"]["metadata"] == {
        **metadata,
        "_cueapi_worker": {"ending": "exited", "exit_code": 0},
    }


@pytest.mark.parametrize("mode", MODES)
def test_verification_is_fed_by_the_evidence(site: Site, mode: str) -> None:
    given, missing = MODES[mode]
    lefts = {
        "verified_success": [Left(0, said(**given)), Left(0, said(success=True, **given), "out")],
        "verification_failed": [Left(), Left(0, said(**missing)), Left(0, MALFORMED)],
        "reported_failure": [Left(3, said(**given)), Left(0, said(success=False, **given))],
    }
    executions = [
        (state, site.fire("row", left.payload(), mode)) for state, group in lefts.items() for left in group
    ]
    states = [(state, site.recorded(execution)["outcome_state"]) for state, execution in executions]
    assert [found for _, found in states] == [state for state, _ in states]


def test_manual_verification_waits_for_a_success_alone(site: Site) -> None:
    succeeded, failed = (site.fire("row", Left(code).payload(), "manual") for code in (0, 3))
    assert site.recorded(succeeded)["outcome_state"] == "verification_pending"
    assert site.recorded(failed)["outcome_state"] == "reported_failure"
