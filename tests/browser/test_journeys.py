"""What people do with the dashboard, in a real browser, with a real pool behind it."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from selenium.webdriver.common.keys import Keys
from support.chromium import Chromium
from support.cli import cueworker
from support.local_server import LocalServerProcess
from support.pool import Pool, running
from support.server_client import DEADLINE, ServerClient
from support.waiting import until


class _Evidence(http.server.BaseHTTPRequestHandler):
    """A page somewhere else, as the evidence of a run."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>evidence</title><h1>It is published</h1>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def evidence() -> Iterator[str]:
    """The address of a page on another origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Evidence) as elsewhere:
        thread = threading.Thread(target=elsewhere.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{elsewhere.server_address[1]}/post"
        elsewhere.shutdown()
        thread.join()


def sign_in(browser: Chromium, server: ServerClient) -> None:
    """With a one-time link."""
    browser.go(server.url + server.ok("POST", "/dashboard/link")["path"])
    browser.shows("Overview", "Live")


def test_from_the_link_to_the_evidence_with_a_real_pool(
    browser: Chromium, evidence: str, tmp_path: Path
) -> None:
    outcome = json.dumps({"result_url": evidence, "summary": "Published", "mood": "good"})
    handler = {
        "cmd": 'while [ ! -e "$GO" ]; do sleep 0.05; done; printf %s "$OUT" > "$CUEAPI_OUTCOME_FILE"',
        "env": {"GO": str(tmp_path / "go"), "OUT": outcome},
    }
    with running(Pool(tmp_path, {"publish": handler}, workers=2)) as pool:
        done = cueworker(
            "dashboard", "--config", str(pool.config), "--state-dir", str(pool.state_dir), home=tmp_path
        )
        assert (done.returncode, done.stderr) == (0, "It signs in one browser, once, within a minute.\n")
        browser.go(done.stdout.strip())
        browser.shows("Overview", "there is no cue yet", "Live")
        browser.click("New cue")
        browser.one("#name").send_keys("Weekly post")
        browser.one("#task").send_keys("publish")
        browser.one("#payload").send_keys('{"title": "Hello"}')
        browser.click("Make the cue")
        browser.shows("Made the cue Weekly post.", "only when fired by hand")
        browser.one("#override").send_keys('{"title": "Hello, world"}')
        browser.click("Fire")
        browser.shows("Fired. This page follows it.", "Running", "by test-pool")
        browser.shot("journey-running")
        browser.script("window.untouched = true")
        (tmp_path / "go").touch()
        browser.shows(
            "the handler exited with code 0",
            "Dropped from the outcome file: mood.",
            "Success",
            "Hello, world",
        )
        assert browser.script("return window.untouched"), "it went on without being loaded again"
        assert browser.one("#told").get_attribute("textContent") == "publish: Success"
        browser.shot("journey-finished")
        browser.allow(evidence)
        link = browser.one(f'a[href="{evidence}"]')
        assert link.get_attribute("rel") == "noopener noreferrer"
        link.click()
        until(lambda: len(browser.driver.window_handles) == 2, "the evidence opens beside the page")
        own, other = browser.driver.window_handles
        browser.driver.switch_to.window(other)
        browser.shows("It is published")
        assert browser.script("return [window.opener, document.referrer]") == [None, ""]
        browser.driver.close()
        browser.driver.switch_to.window(own)
        browser.click("Workers")
        browser.shows("test-pool", "Alive", "It runs nothing at the moment.")
        browser.leave()


def test_a_login_appears_and_is_approved(browser: Chromium, server: LocalServerProcess) -> None:
    sign_in(browser, server)
    browser.click("Logins")
    browser.shows("No device waits.", "Live")
    device = {"device_code": uuid.uuid4().hex}
    code = server.ok("POST", "/v1/auth/device-code", device)["user_code"]
    server.ok(
        "POST", "/v1/auth/device-code/submit-email", {**device, "email": f"{uuid.uuid4()}@test.example"}
    )
    browser.shows(code, "test.example")
    assert "1" in browser.script("return document.getElementById('nav-logins').textContent")
    browser.shot("login-waiting")
    browser.click(f"Approve {code}")
    browser.shows(f"Approved {code}.", "No device waits.")
    key = server.ok("POST", "/v1/auth/device-code/poll", device)["api_key"]
    assert ServerClient(server.url, key).ok("GET", "/v1/cues")["total"] == 0


def test_everything_is_done_with_the_keyboard(browser: Chromium, server: LocalServerProcess) -> None:
    browser.go(server.url)
    browser.tab_to("Skip to the content")
    browser.tab_to("API key (required)")
    browser.press(server.api_key, Keys.ENTER)
    browser.shows("Overview")
    browser.tab_to("Skip to the content")
    browser.press(Keys.ENTER)
    until(lambda: browser.script("return document.activeElement.id") == "main", "the content has the focus")
    browser.tab_to("New cue")
    browser.press(Keys.ENTER)
    name = f"by keys {uuid.uuid4().hex[:6]}"
    browser.tab_to("Name (required)").send_keys(name)
    browser.tab_to("Task").send_keys("typed")
    browser.tab_to("Only when fired by hand")
    browser.press(Keys.ARROW_DOWN)
    browser.tab_to("Cron line").send_keys("0 9 * * 1-5", Keys.ENTER)
    browser.shows("Monday to Friday at 09:00")
    browser.tab_to("Pause")
    browser.press(Keys.ENTER)
    browser.shows("Paused")
    browser.tab_to("Payload for this run")
    browser.press('{"a": 1')
    browser.tab_to("Fire")
    browser.press(Keys.ENTER)
    browser.shows("This is not valid JSON", "Nothing was done yet")
    browser.shot("problem-beside-the-field")
    assert browser.one("#override").get_attribute("value") == '{"a": 1'
    browser.tab_to("Payload for this run")
    browser.press(Keys.END, "}")
    browser.tab_to("Fire")
    browser.press(Keys.SPACE)
    browser.shows("Fired. This page follows it.", "waits for a worker")
    browser.tab_to("Sign out")
    browser.press(Keys.ENTER)
    browser.shows("Sign in")


def test_what_somebody_types_and_looks_at_is_left_alone(
    browser: Chromium, server: LocalServerProcess
) -> None:
    cue = server.cue(f"busy {uuid.uuid4().hex[:6]}", payload={"task": "busy"})
    first = server.fire(cue)
    sign_in(browser, server)
    browser.go(f"{server.url}/cues/{cue}")
    browser.shows("Live", first[:8])
    browser.one("#override").send_keys('{"half": ')
    second = server.fire(cue)
    browser.shows(second[:8])
    assert browser.script("return document.activeElement.id") == "override"
    assert browser.one("#override").get_attribute("value") == '{"half": '
    browser.script(
        "document.querySelector(arguments[0]).focus(); scrollTo(0, 200)", f'a[href="/executions/{first}"]'
    )
    scrolled = browser.script("return scrollY")
    third = server.fire(cue)
    browser.shows(third[:8])
    focused = browser.script("return document.activeElement.getAttribute('href')")
    assert focused == f"/executions/{first}" and browser.script("return scrollY") == scrolled > 0


def test_a_browser_without_javascript_does_it_all(browser: Chromium, server: LocalServerProcess) -> None:
    link = server.ok("POST", "/dashboard/link")["path"]
    browser.without_javascript()
    browser.go(server.url + link)
    browser.shows("Overview")
    assert "Live" not in browser.text
    browser.click("New cue")
    browser.one("#name").send_keys(name := f"plain {uuid.uuid4().hex[:6]}")
    browser.click("Make the cue")
    browser.shows(f"Made the cue {name}.")
    browser.click("Fire")
    browser.shows("waits for a worker")
    execution = browser.driver.current_url.rpartition("/")[2]
    server.claim(execution)
    server.ok("POST", f"/v1/executions/{execution}/outcome", {"success": False, "error": "out of paper"})
    browser.driver.refresh()
    browser.shows("Failure", "out of paper")


def test_the_page_says_when_it_is_not_live(browser: Chromium, tmp_path: Path) -> None:
    with LocalServerProcess(tmp_path / "files") as server:
        sign_in(browser, server)
        server.kill()
        browser.shows("Reconnecting")
        server.start()
        # The new process knows no sessions.
        browser.shows("Not live: reload the page")
        browser.click("Executions")
        browser.shows("Sign in")
        browser.leave()
        browser.complaints()  # a connection that was refused is one


def test_signing_out_elsewhere_is_noticed(browser: Chromium, server: LocalServerProcess) -> None:
    sign_in(browser, server)
    name = f"cueworker_{server.url.rpartition(':')[2]}"
    secret = browser.driver.get_cookie(name)["value"]
    with contextlib.closing(requests.Session()) as session:
        session.cookies.set(name, secret)
        page = session.get(server.url, timeout=DEADLINE).text
        token = page.partition('name="csrf" value="')[2].partition('"')[0]
        session.post(server.url + "/logout", {"csrf": token}, timeout=DEADLINE)
    server.cue(f"news {uuid.uuid4().hex[:6]}")
    browser.shows("Signed out: reload the page")


def test_the_script_tells_ages_in_the_servers_words(browser: Chromium, server: LocalServerProcess) -> None:
    from cueworker.local.dashboard import words

    sign_in(browser, server)
    seconds = [
        -90000,
        -3601,
        -61.4,
        -1,
        -0.2,
        0,
        0.9,
        1,
        59.9,
        60,
        61,
        119,
        3599,
        3600,
        7325,
        86399,
        86400,
        1e6,
    ]
    told = browser.script("return arguments[0].map(age)", seconds)
    assert told == [words.ago(value) for value in seconds]
    whole = [0, 1, 9, 10, 59, 60, 80, 3600, 3661, 90000, 1000000]
    assert browser.script("return arguments[0].map(duration)", whole) == [words.duration(v) for v in whole]
