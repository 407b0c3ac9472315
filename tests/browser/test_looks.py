"""Every page, narrow and wide, light and dark: nothing overflows, nobody is kept out. Pictures are kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from support.chromium import Chromium
from support.local_server import LocalServerProcess

LONG = "a-rather-long-name-without-any-blank-in-it-" * 5


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalServerProcess, dict[str, str]]]:
    """A server with some of everything, and its pages by name."""
    with LocalServerProcess(tmp_path_factory.mktemp("filled") / "files") as server:
        nightly = server.cue(
            "nightly-backup",
            payload={"task": "backup", "target": "/srv"},
            schedule={"type": "recurring", "cron": "30 2 * * *", "timezone": "Europe/Berlin"},
            description="Backs up the file server",
        )
        post = server.cue("weekly-post", payload={"task": "publish"}, verification={"mode": "manual"})
        server.cue(LONG, payload={"task": LONG}, schedule={"type": "once", "at": "2099-01-01T00:00:00Z"})
        server.ok("POST", "/v1/worker/heartbeat", {"worker_id": "studio", "handlers": ["backup", "publish"]})
        server.ok("POST", "/v1/worker/heartbeat", {"worker_id": LONG, "handlers": [LONG]})
        good, bad, running, _ = (server.fire(cue) for cue in (post, nightly, nightly, nightly))
        for execution in (good, bad, running):
            server.claim(execution, "studio")
        report = {
            "success": True,
            "result": "published the post\nin 3 steps",
            "summary": "Published “Hello, world”",
            "result_url": f"https://example.com/{LONG}",
            "external_id": "post-42",
            "artifacts": ["https://example.com/picture.png", {"name": "log", "lines": 120}],
            "metadata": {
                "tokens": 1200,
                "_cueapi_worker": {
                    "ending": "exited",
                    "exit_code": 0,
                    "clipped": {"result": 5321},
                    "outcome_file_dropped_fields": ["mood", "price"],
                },
            },
        }
        server.ok("POST", f"/v1/executions/{good}/outcome", report)
        failure = {
            "success": False,
            "error": f"Traceback (most recent call last):\n  {LONG}\nOSError: no space",
        }
        server.ok("POST", f"/v1/executions/{bad}/outcome", failure)
        device = {"device_code": uuid.uuid4().hex}
        code = server.ok("POST", "/v1/auth/device-code", device)["user_code"]
        server.ok("POST", "/v1/auth/device-code/submit-email", {**device, "email": "ada@example.com"})
        yield (
            server,
            {
                "overview": "/",
                "executions": "/executions?q=e",
                "execution-good": f"/executions/{good}",
                "execution-bad": f"/executions/{bad}",
                "cues": "/cues",
                "cue": f"/cues/{nightly}",
                "cue-new": "/cues/new",
                "workers": "/workers",
                "logins": "/logins",
                "login": f"/logins/{code}",
                "not-found": "/cues/missing",
            },
        )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_is_readable(
    browser: Chromium, filled: tuple[LocalServerProcess, dict[str, str]], width: int, dark: bool
) -> None:
    server, pages = filled
    look = f"{width}-{'dark' if dark else 'light'}"
    browser.look(width=width, dark=dark)
    browser.go(server.url)
    # Colours and layout both make barriers; two of the four looks have them all.
    barriers = browser.barriers if dark == (width > 400) else list[str]
    problems = [f"sign-in {found}" for found in barriers()]
    browser.shot(f"sign-in-{look}")
    browser.go(server.url + server.ok("POST", "/dashboard/link")["path"])
    browser.shows("Overview", "Live")
    for name, path in pages.items():
        browser.go(server.url + path)
        browser.shows("Live") if name != "not-found" else browser.shows("Not found")
        browser.shot(f"{name}-{look}")
        inner, outer = browser.script("return [document.documentElement.scrollWidth, innerWidth]")
        assert inner <= outer, f"{name} is {inner} pixels wide on a screen of {outer}"
        problems += [f"{name} {found}" for found in barriers()]
    assert not problems, "\n".join(problems)
    red, green, blue = browser.script(
        "return getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    )
    assert (red + green + blue < 200) is dark


def test_a_barrier_would_be_found(browser: Chromium, server: LocalServerProcess) -> None:
    browser.go(f"{server.url}/login")
    assert browser.barriers() == []
    browser.script("document.querySelector('label').remove(); document.body.style.color = '#eee'")
    found = " ".join(browser.barriers())
    assert "label" in found and "color-contrast" in found
