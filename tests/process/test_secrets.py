"""A pool whose handlers give away all that they know: nothing that it writes or reports holds a secret."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.local_server import API_KEY
from support.pool import Pool, running
from support.site import Site
from support.stage import serving
from support.waiting import until

PROGRAM = Path(__file__).parents[1] / "programs" / "blab.py"
SECRETS = {
    "SECRET_TOKEN": "tok-7f3a9c21d5e84b60",
    "SECRET_PHRASE_PASSWORD": 'pässwörd with "quotes", it\'s $x & a\\b',
    "SECRET_NUMBER": "903817264513",
    "PIN": "pin-out-of-the-payload",
}
UNKNOWN = ("aW4tYS1oZWFkZXI6YXV0aA", "a.token.nobody.told")
"""In headers, and told to nobody."""


def forms() -> list[bytes]:
    """What must not be found anywhere."""
    found = [*UNKNOWN]
    for secret in (API_KEY, *SECRETS.values()):
        found += [
            secret,
            json.dumps(secret)[1:-1],
            urllib.parse.quote_plus(secret),
            urllib.parse.quote(secret, safe=""),
        ]
        found.append(base64.b64encode(secret.encode()).decode().rstrip("=")[:-1])
    return [form.encode() for form in dict.fromkeys(found)]


def written(pool: Pool) -> Iterator[tuple[str, bytes]]:
    """Every file that the pool has left, and its standard error."""
    for folder, _, names in os.walk(pool.state_dir):
        for name in names:
            path = Path(folder, name)
            yield str(path.relative_to(pool.folder)), path.read_bytes()
    yield "standard error", pool.log.read_bytes()


def reported(site: Site, executions: list[str]) -> Iterator[tuple[str, bytes]]:
    """What the server has from the pool. The payload is the server's own, and the pool's only while it runs."""
    for execution in executions:
        found = {name: value for name, value in site.get(execution).items() if "payload" not in name}
        yield f"outcome of {execution}", json.dumps(found).encode()
        yield f"outcome of {execution}, unescaped", json.dumps(found, ensure_ascii=False).encode()


def test_secrets_are_nowhere_in_what_a_pool_writes_and_reports(tmp_path: Path) -> None:
    go = tmp_path / "go"
    env = {
        **SECRETS,
        "PIN": "{{ payload.pin }}",
        "SECRET_TOKEN": "${INHERITED_TOKEN}",
        "OTHER": "plain-value-in-clear",
    }

    def blab(*words: str, **more: Any) -> dict[str, Any]:
        return {"argv": [sys.executable, "-IS", "-X", "utf8", str(PROGRAM), *words], "env": env, **more}

    handlers = {
        "succeeds": blab("succeeds"),
        "fails": blab("fails"),
        "hangs": blab("waits", str(tmp_path / "never"), timeout=1),
        "dies": blab("waits", str(go)),
        "misplaced": {"cmd": "true", "cwd": "/nonexistent/{{ payload.pin }}", "env": env},
    }
    settings = {"secrets": ["PIN", "SECRET_NUMBER"], "log": {"file": "state/logs/pool.log"}}
    with serving(tmp_path) as (server, site):
        pool = Pool(tmp_path, handlers, api_base=server.url, api_key=API_KEY, workers=3, **settings)
        with running(pool, "--log-format", "json", env={"INHERITED_TOKEN": SECRETS["SECRET_TOKEN"]}):
            ids = {task: site.fire(task, {"pin": SECRETS["PIN"]}) for task in handlers}
            worker = pool.worker_of("dies")
            until(Path(f"{go}.told").exists, "it has told all")
            worker.kill()
            found = {task: site.recorded(execution) for task, execution in ids.items()}
            until(lambda: not any(pool.leftovers().values()), "everything is settled")
            assert pool.stop(signal.SIGTERM) == 0
        statuses = {task: execution["status"] for task, execution in found.items()}
        assert statuses == dict.fromkeys(handlers, "failed") | {"succeeds": "success"}
        assert "worker lost" in found["dies"]["outcome"]["error"]
        everything = [*written(pool), *reported(site, list(ids.values()))]
    hits = [(name, form) for name, content in everything for form in forms() if form in content]
    size = sum(len(content) for _, content in everything)
    print(f"secrets found in {len(everything)} files and outcomes of {size:,} bytes: {len(hits)}")
    assert hits == []
    logs = [content for name, content in everything if "/executions/" in name]
    assert len(logs) == 4
    for log in logs:
        assert log.count(b"[redacted]") > 20 and b"plain-value-in-clear" in log
        log.decode()
    for task in ("succeeds", "fails", "dies"):
        assert found[task]["outcome"]["metadata"]["all"].count("[redacted]") == len(SECRETS) + 1
    # With the switch off it would all be there: the scan is able to see it.
    assert any(form in json.dumps(env).encode() for form in forms())
