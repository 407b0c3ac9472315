"""What the dashboard shows and does, by its pages and forms alone: no browser, no JavaScript."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import pytest
from support.local_server import LocalServerProcess, local_account, shared_local_server
from support.server_client import ServerClient
from support.visitor import Page, Visitor

__all__ = ["local_account", "shared_local_server"]

HOSTILE = (
    "</textarea></title></script><script>alert(1)</script><img src=x onerror=alert(2)>"
    '" onfocus="f() {{ 7331*7333 }}'
)
SAFE_SCHEMES = ("/", "#", "https://example.com/")


@pytest.fixture
def visitor(local_account: ServerClient) -> Iterator[Visitor]:
    """Signed in to a fresh account."""
    visitor = Visitor(local_account.url)
    with contextlib.closing(visitor):
        visitor.sign_in(local_account.api_key)
        yield visitor


def facts(page: Page) -> dict[str, str]:
    """The page's terms with what it says about them."""
    return {
        entry.all("dt")[0].text: entry.all("dd")[0].text
        for entry in page.document.all("div")
        if entry.children and entry.children[0].name == "dt"
    }


def timeline(page: Page) -> list[str]:
    """The names of the execution's steps."""
    return [element.text for element in page.document.all("span", **{"class": "name"})]


def test_a_cue_is_made_fired_and_watched_with_forms_alone(
    local_account: ServerClient, visitor: Visitor
) -> None:
    page = visitor.send(
        visitor.get("/cues/new"),
        "/cues/new",
        name="Nightly",
        task="backup",
        payload='{"target": "/srv", "level": 1}',
        when="recurring",
        cron="30 2 * * 1-5",
        timezone="Europe/Berlin",
        description="Backs up",
        verification="require_external_id",
        pause_on_failure="on",
    )
    assert page.heading == "Nightly" and "Made the cue Nightly." in page.text
    cue = page.answer.url.rpartition("/")[2]
    told = facts(page)
    assert told["Runs"] == "Monday to Friday at 02:30, Europe/Berlin 30 2 * * 1-5"
    assert told["Next run"].startswith("in ") and "02:30:00 CE" in told["Next run"]
    made = local_account.ok("GET", f"/v1/cues/{cue}")
    assert made["payload"] == {"task": "backup", "target": "/srv", "level": 1}
    assert made["on_failure"]["pause"] is True and made["transport"] == "worker"
    assert "Made the cue" not in visitor.get(f"/cues/{cue}").text, "a notice is told once"

    page = visitor.send(page, f"/cues/{cue}/fire", override='{"level": 2}')
    execution = page.answer.url.rpartition("/")[2]
    assert timeline(page) == ["Fired", "Claimed", "Outcome"] and "waits for a worker" in page.text
    (row,) = local_account.claimable()
    assert row["payload"] == {"task": "backup", "target": "/srv", "level": 2}
    local_account.ok("POST", "/v1/worker/heartbeat", {"worker_id": "lamp", "handlers": ["backup"]})
    local_account.claim(execution, "lamp")
    page = visitor.get(f"/executions/{execution}")
    assert timeline(page) == ["Fired", "Claimed", "Started", "Running"] and "by lamp, after" in page.text
    page = visitor.get("/workers")
    assert facts(page)["Busy slots"] == "1" and facts(page)["Handlers"] == "backup"
    assert page.document.all("a", href=f"/executions/{execution}")
    assert "Running now" in visitor.get("/").text

    report = {
        "success": True,
        "result": "all copied",
        "external_id": "backup-7",
        "result_url": "https://example.com/7",
        "artifacts": ["https://example.com/log", "javascript:alert(1)", {"url": "https://example.com/b"}],
        "metadata": {
            "bytes": 7,
            "_cueapi_worker": {
                "ending": "exited",
                "exit_code": 0,
                "clipped": {"result": 5321},
                "outcome_file_dropped_fields": ["mood"],
            },
        },
    }
    local_account.ok("POST", f"/v1/executions/{execution}/outcome", report)
    page = visitor.get(f"/executions/{execution}")
    assert timeline(page) == ["Fired", "Claimed", "Started", "Success", "Verified"]
    links = {a.attributes["href"]: a.attributes["rel"] for a in page.document.all("a", target="_blank")}
    assert links == dict.fromkeys(
        ("https://example.com/7", "https://example.com/log", "https://example.com/b"), "noopener noreferrer"
    )
    for words in (
        "the handler exited with code 0",
        "result was cut to fit; it had 5,321 characters.",
        "Dropped from the outcome file: mood.",
        "javascript:alert(1)",
        "all copied",
        "1 of 3 at most",
    ):
        assert words in page.text


def test_a_cue_is_paused_resumed_and_deleted(local_account: ServerClient, visitor: Visitor) -> None:
    cue = local_account.cue("lamp", schedule={"type": "recurring", "cron": "0 9 * * *"})
    page = visitor.send(visitor.get(f"/cues/{cue}"), f"/cues/{cue}/pause")
    assert facts(page)["Status"] == "Paused" and facts(page)["Next run"] == "none while it is paused"
    page = visitor.send(page, f"/cues/{cue}/resume")
    assert facts(page)["Status"] == "Active" and facts(page)["Next run"].startswith("in ")
    page = visitor.send(page, f"/cues/{cue}/delete")
    assert page.heading == "Cues" and "Deleted the cue lamp" in page.text
    assert local_account.ok("GET", "/v1/cues")["total"] == 0


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    local_account: ServerClient, visitor: Visitor
) -> None:
    local_account.cue("taken")
    blank = visitor.get("/cues/new")
    typed = {"name": "taken", "payload": '{"a": [1, <2>}', "when": "recurring", "cron": "61 * * * *"}
    page = visitor.send(blank, "/cues/new", **typed)
    assert page.status == 422 and "This is not valid JSON" in page.text
    page = visitor.send(page, "/cues/new", payload='["a list"]')
    assert "This must be a JSON object" in page.text
    page = visitor.send(page, "/cues/new", payload='{"a": 1e999}')
    assert "cannot be stored" in page.text
    page = visitor.send(page, "/cues/new", payload='{"a": "kept"}')
    assert "Invalid cron expression: '61 * * * *'" in page.text
    (field,) = page.document.all("input", id="cron")
    assert field.attributes["aria-invalid"] == "true"
    assert "cron-problem" in field.attributes["aria-describedby"] and page.document.all(
        "p", id="cron-problem"
    )
    assert page.form("/cues/new") | {"csrf": ""} == {
        **blank.form("/cues/new"),
        **typed,
        "payload": '{"a": "kept"}',
        "csrf": "",
    }
    page = visitor.send(page, "/cues/new", cron="0 9 * * *", timezone="Mars/Olympus")
    assert "Unknown timezone: Mars/Olympus" in page.text
    page = visitor.send(page, "/cues/new", timezone="UTC")
    assert "A cue named 'taken' exists already" in page.text
    page = visitor.send(page, "/cues/new", name="", task="t", max_attempts="eleven")
    assert "A cue needs a name" in page.text and "from 1 to 10" in page.text
    page = visitor.send(page, "/cues/new", name="x" * 256, max_attempts="11")
    assert "This must have at most 255 characters" in page.text
    page = visitor.send(page, "/cues/new", name="once", max_attempts="1", when="once", at="yesterday")
    assert "at must be an ISO 8601 time" in page.text or "This must be an ISO 8601 time" in page.text
    page = visitor.send(page, "/cues/new", at="2001-01-01T00:00")
    assert "'at' must lie in the future" in page.text
    assert local_account.ok("GET", "/v1/cues")["total"] == 1

    cue = local_account.cue("other")
    page = visitor.send(visitor.get(f"/cues/{cue}"), f"/cues/{cue}/fire", override="{", strategy="replace")
    assert page.status == 422 and page.form(f"/cues/{cue}/fire")["override"] == "{"
    assert page.form(f"/cues/{cue}/fire")["strategy"] == "replace"
    assert local_account.ok("GET", "/v1/executions")["total"] == 0
    visitor.send(page, f"/cues/{cue}/fire", override='{"task": "x"}')
    assert [row["payload"] for row in local_account.claimable()] == [{"task": "x"}]


def test_a_cue_by_hand_has_no_run_ahead(local_account: ServerClient, visitor: Visitor) -> None:
    page = visitor.send(visitor.get("/cues/new"), "/cues/new", name="by hand", task="greet")
    told = facts(page)
    assert told["Runs"] == "only when fired by hand" and told["Next run"] == "none"
    assert "No cue has a run ahead." in visitor.get("/").text
    (cue,) = local_account.ok("GET", "/v1/cues")["cues"]
    page = visitor.get("/cues")
    for _ in range(2):
        assert visitor.send(page, f"/cues/{cue['id']}/fire").status == 200
    assert local_account.ok("GET", "/v1/executions")["total"] == 2


def test_a_form_that_is_sent_twice_fires_once(local_account: ServerClient, visitor: Visitor) -> None:
    cue = local_account.cue()
    page = visitor.get(f"/cues/{cue}")
    first, second = (visitor.send(page, f"/cues/{cue}/fire") for _ in range(2))
    assert first.answer.url == second.answer.url
    assert local_account.ok("GET", "/v1/executions")["total"] == 1


def test_an_execution_is_verified_and_replayed(local_account: ServerClient, visitor: Visitor) -> None:
    cue = local_account.cue(verification={"mode": "manual"})
    execution = local_account.fire(cue, payload_override={"own": 1})
    local_account.claim(execution)
    local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": True})
    page = visitor.get(f"/executions/{execution}")
    assert "Waits for your verification" in page.text
    page = visitor.send(page, f"/executions/{execution}/verify", verdict="invalid", reason="it is not there")
    assert timeline(page)[-1] == "Verification failed" and "it is not there" in page.text
    assert local_account.execution(execution)["outcome_state"] == "verification_failed"
    refused = visitor.post(
        f"/executions/{execution}/verify", {"csrf": page.form("/logout")["csrf"], "verdict": "valid"}
    )
    assert refused.status == 409 and "Cannot verify from state" in refused.text
    page = visitor.send(page, f"/executions/{execution}/replay")
    assert page.document.all("a", href=f"/executions/{execution}")
    assert "as a replay" in page.text and '"own": 1' in page.text
    assert "Alerts" in visitor.get("/").text and "failed verification" in visitor.get("/").text


def test_executions_are_filtered_searched_and_paged(local_account: ServerClient, visitor: Visitor) -> None:
    lamp = local_account.cue("Lamp & co", payload={"task": "light"})
    other = local_account.cue("other", payload={"task": "dark"})
    ids = [local_account.fire(lamp) for _ in range(53)] + [local_account.fire(other)]
    local_account.claim(ids[0], "w/1")
    local_account.ok("POST", f"/v1/executions/{ids[0]}/outcome", {"success": False, "error": "No Space left"})

    def found(query: str) -> list[str]:
        rows = visitor.get(f"/executions?{query}").document.all("th", scope="row")
        return [row.all("a")[0].attributes["href"].rpartition("/")[2] for row in rows]

    for query in ("q=no+space", "status=failed", "status=problem", "worker=w%2F1", f"q={ids[0]}", "q=w%2F1"):
        assert found(query) == [ids[0]], query
    for query in ("task=dark", f"cue={other}", "q=OTHER", f"q={ids[-1][:8]}"):
        assert found(query) == [ids[-1]], query
    assert found("status=open&q=lamp+%26&worker=") == list(reversed(ids[1:-1]))[:50]
    for nonsense in ("status=nonsense", "before=x", "after=1-2-3", "before=nan-1", "page=2", "cue="):
        assert found(nonsense) == list(reversed(ids))[:50]
    page = visitor.get("/executions?task=light")
    (older,) = page.document.all("a", rel="next")
    assert not page.document.all("a", rel="prev")
    page = visitor.get(older.attributes["href"])
    links = [row.all("a")[0].attributes["href"] for row in page.document.all("th", scope="row")]
    assert links == [f"/executions/{execution}" for execution in reversed(ids[:3])]
    assert not page.document.all("a", rel="next")
    (newer,) = page.document.all("a", rel="prev")
    assert found(newer.attributes["href"].partition("?")[2]) == list(reversed(ids[:-1]))[:50]
    assert "No execution matches." in visitor.get("/executions?q=nowhere").text


def test_hostile_text_stays_text_on_every_page(local_account: ServerClient, visitor: Visitor) -> None:
    cue = local_account.cue(
        HOSTILE[:200],
        description=HOSTILE,
        payload={"task": HOSTILE, HOSTILE: HOSTILE},
        transport="worker",
        callback={"url": "https://example.com/", "headers": {HOSTILE: "a secret value"}},
    )
    execution = local_account.fire(cue)
    local_account.ok("POST", "/v1/worker/heartbeat", {"worker_id": HOSTILE, "handlers": [HOSTILE]})
    local_account.claim(execution, HOSTILE)
    other = local_account.fire(cue)
    local_account.claim(other, HOSTILE)
    report = {
        "success": True,
        "result": HOSTILE,
        "summary": HOSTILE,
        "external_id": HOSTILE,
        "result_ref": HOSTILE,
        "artifacts": [HOSTILE, {"url": f"https://example.com/{HOSTILE}"}, {"url": "data:text/html,x"}, None],
        "metadata": {
            HOSTILE: HOSTILE,
            "_cueapi_worker": {"ending": HOSTILE, "clipped": {HOSTILE: HOSTILE}, "output": HOSTILE},
        },
    }
    local_account.ok("POST", f"/v1/executions/{execution}/outcome", report)
    local_account.ok("POST", f"/v1/executions/{other}/outcome", {"success": False, "error": HOSTILE})
    page = visitor.get("/cues/new")
    problem = visitor.send(page, "/cues/new", name=HOSTILE, task=HOSTILE, payload=HOSTILE, cron=HOSTILE)
    pages = [problem] + [
        visitor.get(path)
        for path in (
            *("/", "/executions", f"/executions/{execution}", f"/executions/{other}"),
            *("/cues", f"/cues/{cue}", "/workers", "/logins"),
        )
    ]
    pages.append(visitor.get("/executions", params={"q": HOSTILE, "task": HOSTILE, "worker": HOSTILE}))
    pages.append(visitor.get(f"/logins/{HOSTILE.replace('/', '')}"))
    seen = 0
    for page in pages:
        seen += "alert(1)" in page.text
        assert "a secret value" not in page.answer.text
        for script in page.document.all("script"):
            assert script.attributes["src"].startswith("/static/") and not script.text
        for element in page.document.all():
            assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
            for name in ("href", "src", "action"):
                assert element.attributes.get(name, "/").startswith(SAFE_SCHEMES)
        assert (
            "53758223" not in page.document.all("main")[0].text.replace("{{ 7331*7333 }}", "")
            or page is problem
        )
    assert seen >= 6, "the hostile text is shown at all"


def test_a_nonsensical_entry_of_a_worker_breaks_no_page(
    local_account: ServerClient, visitor: Visitor
) -> None:
    cue = local_account.cue()
    for value in (None, [], "x", 7, {"ending": 7, "clipped": [], "cleaned": {}, "removed": [None, {}]}):
        execution = local_account.fire(cue)
        local_account.claim(execution)
        report = {"success": True, "metadata": {"_cueapi_worker": value}}
        local_account.ok("POST", f"/v1/executions/{execution}/outcome", report)
        assert visitor.get(f"/executions/{execution}").status == 200, value


def test_a_login_is_approved_and_another_denied(shared_local_server: LocalServerProcess) -> None:
    owner = Visitor(shared_local_server.url)
    with contextlib.closing(owner):
        owner.sign_in(shared_local_server.api_key)
        codes = []
        for email in (f"{uuid.uuid4()}@test.example", f"{uuid.uuid4()}@test.example"):
            device = {"device_code": uuid.uuid4().hex}
            asked = shared_local_server.ok("POST", "/v1/auth/device-code", device)
            shared_local_server.ok("POST", "/v1/auth/device-code/submit-email", {**device, "email": email})
            codes.append((device, asked["user_code"], asked["verification_url"], email))
        (first, code, address, email), (second, denied, _, _) = codes
        assert code in owner.get("/logins").text and denied in owner.get("/logins").text
        page = owner.get(address)
        assert page.heading == "Let this device in?" and code in page.text and email in page.text
        page = owner.send(page, f"/logins/{code}/approve")
        assert f"Approved {code}." in page.text
        page = owner.send(page, f"/logins/{denied}/deny")
        assert f"Denied {denied}." in page.text and denied not in facts(page).values()
        told = shared_local_server.ok("POST", "/v1/auth/device-code/poll", first)
        assert told["status"] == "approved" and told["api_key"] not in owner.get("/logins").answer.text
        assert shared_local_server.ok("POST", "/v1/auth/device-code/poll", second)["status"] == "expired"
        again = owner.post(f"/logins/{code}/approve", {"csrf": page.form("/logout")["csrf"]})
        assert again.status == 404 and "waits no more" in again.text
        assert owner.get(f"/logins/{code}").heading == "No such login"


def test_the_overview_counts_what_happened(local_account: ServerClient, visitor: Visitor) -> None:
    assert "there is no cue yet" in visitor.get("/").text
    cue = local_account.cue()
    for number in range(5):
        execution = local_account.fire(cue)
        if number < 4:
            local_account.claim(execution)
        if number < 3:
            local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": number > 0})
    page = visitor.get("/")
    tiles = [tile.text for tile in page.document.all("li") if "tile" in tile.attributes.get("class", "")]
    figures = [
        tile.all("p")[0].text
        for tile in page.document.all("li")
        if "tile" in tile.attributes.get("class", "")
    ]
    assert figures == ["1", "1", "5", "1", "0"], tiles
    assert "67 % succeeded" in tiles[2]
    (chart,) = page.document.all("svg")
    assert "5 in all, 2 succeeded, 1 failed" in chart.attributes["aria-label"]
