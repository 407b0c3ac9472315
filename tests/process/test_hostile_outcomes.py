"""Whatever a handler writes, leaves or does: it is recorded, with the right verdict (promises 1 and 4)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.pool import SETTLED, Pool, running, site_of
from support.site import Site
from support.waiting import until

PROGRAM = Path(__file__).parents[1] / "programs" / "hostile.py"
SECRET = "the-secret-of-another-file"
KEPT = {"external_id": "kept"}
OTHERS_FILE = "outcome_file_not_a_regular_file: "

Text = str | re.Pattern[str] | None


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the server must show; a text is compared whole, a pattern matches all of it."""

    success: bool = True
    result: Text = "completed"
    error: Text = None
    evidence: dict[str, str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    """The handler's own."""
    ending: dict[str, Any] = field(default_factory=lambda: {"ending": "exited", "exit_code": 0})
    notes: dict[str, Any] = field(default_factory=dict)
    """What else the pool's own entry in the metadata says."""


def failure(error: Text, code: int = 1, **rest: Any) -> Recorded:
    ending = rest.pop("ending", {"ending": "exited", "exit_code": code})
    return Recorded(success=False, result=None, error=error, ending=ending, **rest)


def success(result: Text = "completed", **rest: Any) -> Recorded:
    return Recorded(result=result, **rest)


def unusable(parse_error: str) -> Recorded:
    """A file that does not count: the exit code alone does."""
    return Recorded(notes={"outcome_file_parse_error": re.compile(parse_error)})


def clipped(**lengths: int) -> dict[str, Any]:
    return {"clipped": lengths}


def pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.DOTALL)


CUT = r".*\.\.\. \[[\d,]+ characters cut\] \.\.\..*"
LENGTH = re.compile(r"\d+")

OUTPUT = {
    "megabyte_of_output": success(
        pattern(rf"begins\nx+{CUT}x+\nends\n"), notes={"clipped": {"result": LENGTH}}
    ),
    "megabyte_of_wide_output": success(pattern(rf"é+{CUT}é+"), notes={"clipped": {"result": LENGTH}}),
    "megabyte_of_errors": failure(pattern(rf"y+{CUT}y+\nthe reason\n"), notes={"clipped": {"error": LENGTH}}),
    "nul_in_output": success("before\ufffdafter", notes={"cleaned": ["result"]}),
    "output_not_utf8": success("before\ufffd\ufffdafter"),
    "half_a_character": success("caf\ufffd"),
    "closed_output": success(),
    "output_held_open": success("all said"),
}

SAID = {
    "lone_surrogates": success(
        "a\ufffdb",
        evidence={"external_id": "\ufffd"},
        metadata={"k\ufffd": ["\ufffd"]},
        notes={"cleaned": ["result", "external_id", "metadata"]},
    ),
    "nul_in_file": success("a\ufffdb", metadata={"k": "\ufffd"}, notes={"cleaned": ["result", "metadata"]}),
    "wide_evidence": success(
        evidence={
            "external_id": "i" * 255,
            "result_ref": "r" * 255,
            "result_type": "t" * 50,
            "summary": "s" * 500,
        },
        notes=clipped(external_id=400, result_ref=400, result_type=90),
    ),
    "too_wide_evidence": success(
        evidence={"result_ref": "kept"},
        notes={"outcome_file_dropped_fields": ["external_id", "result_type", "summary"]},
    ),
    "wide_metadata": success(evidence=KEPT, notes={"removed": ["metadata"]}),
    "address_without_host": success(evidence=KEPT, notes={"removed": ["result_url"]}),
    "address_of_a_script": success(evidence=KEPT, notes={"outcome_file_dropped_fields": ["result_url"]}),
    "address_of_3000_characters": success(
        evidence=KEPT, notes={"outcome_file_dropped_fields": ["result_url"]}
    ),
    "forged_diagnostics": failure(
        "handler failed",
        4,
        metadata={"k": 1},
        notes={"outcome_file_dropped_fields": ["metadata._cueapi_worker"]},
    ),
    "duplicate_keys": Recorded(success=False, result="first", error="last"),
    "not_a_number": success(
        metadata={"n": "NaN", "i": "Infinity", "j": "-Infinity", "k": "Infinity"},
        notes={"cleaned": ["metadata"]},
    ),
    "long_integer": unusable("outcome_file_malformed_json: a number has too many digits"),
    "wide_integer": success(metadata={"n": "18446744073709551616"}, notes={"cleaned": ["metadata"]}),
    "deep_json": unusable(r"outcome_file_too_large: more than 10,240 bytes \(100,000 bytes\)"),
    "deep_json_that_fits": unusable("outcome_file_malformed_json: nested too deeply"),
    "nested_json": Recorded(
        metadata={"k": pattern(".*deeper than 32 levels.*")}, notes={"cleaned": ["metadata"]}
    ),
    "largest_file": success(evidence=KEPT),
    "too_large_file": unusable(r"outcome_file_too_large: more than 10,240 bytes \(10,241 bytes\)"),
    "sparse_file": unusable("outcome_file_too_large: .*"),
    "not_an_object": unusable("outcome_file_not_an_object"),
    "half_a_file": unusable("outcome_file_malformed_json: .* at line 1 column .*"),
    "file_not_utf8": unusable("outcome_file_not_utf8: .* at byte 12"),
}

PLACED = {
    "fifo": unusable(f"{OTHERS_FILE}a FIFO"),
    "symbolic_link": unusable(f"{OTHERS_FILE}a symbolic link"),
    "hard_link": unusable(f"{OTHERS_FILE}a hard link .*"),
    "link_to_a_device": unusable(f"{OTHERS_FILE}a symbolic link"),
    "folder_of_secrets": unusable(f"{OTHERS_FILE}.*symbolic link"),
    "directory": unusable(f"{OTHERS_FILE}a directory"),
    "deep_directory": unusable(f"{OTHERS_FILE}a directory"),
    "unix_socket": unusable(f"{OTHERS_FILE}a socket"),
    "folder_removed": success(),
    "folder_replaced_by_a_file": success(),
    "still_being_written": unusable("outcome_file_(malformed_json|too_large): .*"),
}

ENDED = {
    "killed_by_itself": failure(
        "handler killed by signal 9 (SIGKILL)", evidence=KEPT, ending={"ending": "signalled", "signal": 9}
    ),
    "exit_255": failure("handler failed", 255),
    "endless_output": failure(
        "Handler timeout exceeded (1s)",
        ending={"ending": "timed_out", "timeout": 1.0},
        notes={"output": pattern(r"\.\.\. \[[\d,]+ characters cut\] \.\.\.\nz+")},
    ),
}

KINDS: dict[str, Recorded] = OUTPUT | SAID | PLACED | ENDED


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """Where `found` is not as expected."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            difference
            for name in sorted({*expected, *found})
            for difference in differences(found.get(name), expected.get(name), f"{where}.{name}")
        ]
    if isinstance(expected, re.Pattern):
        text = found if isinstance(found, str) else json.dumps(found)
        return [] if expected.fullmatch(text) else [f"{where} is {found!r}, not like {expected.pattern!r}"]
    return [] if found == expected else [f"{where} is {found!r}, not {expected!r}"]


def shown(found: dict[str, Any]) -> dict[str, Any]:
    """The server's answer in the form of `Recorded`."""
    outcome = found["outcome"]
    metadata = dict(outcome["metadata"])
    entry = metadata.pop("_cueapi_worker")
    about_ending = ("ending", "exit_code", "signal", "timeout")
    return {
        "status": found["status"],
        "success": outcome["success"],
        "result": outcome["result"],
        "error": outcome["error"],
        "evidence": found["evidence"],
        "metadata": metadata,
        "ending": {name: entry.pop(name) for name in about_ending if name in entry},
        "notes": entry,
    }


def wanted(expected: Recorded) -> dict[str, Any]:
    return {"status": "success" if expected.success else "failed", **vars(expected)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def secrets(folder: Path) -> Path:
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "outcome.json").write_text(json.dumps({"result": SECRET, "external_id": SECRET}))
    return secrets


@pytest.fixture(scope="module")
def pool(folder: Path, secrets: Path) -> Iterator[Pool]:
    argv = [sys.executable, "-I", "-S", "-X", "utf8", str(PROGRAM), "{{ payload.kind }}"]
    hostile = {"argv": argv, "env": {"SECRETS": str(secrets)}, "timeout": 60}
    handlers = {"hostile": hostile, "impatient": {**hostile, "timeout": 1}, "calm": "echo calm"}
    with running(Pool(folder, handlers, workers=4, kill_grace=0.5)) as pool:
        yield pool


@pytest.fixture(scope="module")
def site(pool: Pool) -> Iterator[Site]:
    with site_of(pool, "calm") as site:
        yield site


def test_every_kind_is_recorded_with_the_right_verdict(pool: Pool, site: Site, secrets: Path) -> None:
    assert len(KINDS) >= 17
    tasks = {kind: "impatient" if kind == "endless_output" else "hostile" for kind in KINDS}
    executions = {kind: site.fire(tasks[kind], {"kind": kind}) for kind in KINDS}
    found = {kind: site.recorded(execution) for kind, execution in executions.items()}
    wrong = {kind: differences(shown(found[kind]), wanted(expected)) for kind, expected in KINDS.items()}
    wrong = {kind: problems for kind, problems in wrong.items() if problems}
    print(f"{len(KINDS) - len(wrong)} of {len(KINDS)} recorded")
    assert not wrong, "\n".join(f"{kind}: {problem}" for kind in wrong for problem in wrong[kind])

    until(lambda: pool.leftovers() == SETTLED, "everything is settled")
    assert not pool.events("slot.crashed"), "a hostile handler took its worker down"
    assert not pool.events("report.shrunk") and not pool.events("report.waiting"), "a report was refused"
    said = [json.dumps(found), pool.log.read_text(), (pool.state_dir / "history.jsonl").read_text()]
    assert SECRET not in "".join(said)
    assert [SECRET in path.read_text() for path in secrets.iterdir()] == [True, True]


@pytest.mark.parametrize("kind", ["all_folders_removed", "all_folders_closed"])
def test_the_folder_of_all_outcomes_may_go(pool: Pool, site: Site, kind: str) -> None:
    found = site.recorded(site.fire("hostile", {"kind": kind}))
    assert (found["status"], found["outcome"]["result"]) == ("success", "completed")
    after = site.recorded(site.fire("hostile", {"kind": "largest_file"}))
    assert not differences(shown(after), wanted(success(evidence=KEPT)))
    until(lambda: pool.leftovers() == SETTLED, "everything is settled")
    if kind == "all_folders_removed":
        assert (pool.state_dir / "outcomes").stat().st_mode & 0o777 == 0o700
