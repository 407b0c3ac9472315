"""A running pool goes on with a new program: same supervisor process, no handler touched, nothing lost (promise 1)."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cli import cueworker
from support.pool import SETTLED, Pool, end
from support.repository import ROOT, project
from support.scrape import address, scrape
from support.site import Site
from support.waiting import until


class Installation:
    """A copy of the project that can be replaced under a running pool, as an upgrade of the package does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for package, source in project()["tool"]["setuptools"]["package-dir"].items():
            shutil.copytree(
                ROOT / source,
                folder / package.replace(".", "/"),
                ignore=shutil.ignore_patterns("__pycache__"),
                dirs_exist_ok=True,
            )
        self.env = {"PYTHONPATH": str(folder)}

    def rewrite(self, file: str, old: str, new: str) -> None:
        """Another version of a file."""
        path = self._folder / "cueworker" / file
        text = path.read_text()
        assert old in text
        # A new file in place of the old one, as installers do it.
        path.unlink()
        path.write_text(text.replace(old, new))


class Scene:
    """A pool of two workers that runs an installation."""

    def __init__(self, folder: Path) -> None:
        self.go = folder / "go"
        handlers = {
            "quick": "echo quick",
            "longer": f'while ! [ -e "{self.go}" ]; do sleep 0.05; done; echo longer',
        }
        self.installation = Installation(folder / "site")
        self.pool = Pool(folder, handlers, workers=2, metrics={"listen": "127.0.0.1:0"})
        self.pool.start(env=self.installation.env)
        self.site: Site = self.pool.site()

    def run_longer(self) -> tuple[str, int]:
        """An execution that goes on until `go`, and its worker."""
        execution = self.site.fire("longer")
        return execution, self.pool.worker_of("longer").pid

    def upgrade(self) -> None:
        """Upgrade the pool, and wait for the new program's workers."""
        done = len(self.pool.events("pool.upgraded"))
        self.pool.send(signal.SIGUSR2)
        self.pool.wait_for_event("pool.upgraded", done + 1)

    def wait_until_settled(self) -> None:
        until(lambda: self.pool.leftovers() == SETTLED, "everything is settled")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    try:
        yield made
        made.site.close()
    finally:
        end(made.pool)


def test_a_new_version_takes_over_and_what_runs_goes_on(scene: Scene) -> None:
    pool = scene.pool
    execution, worker = scene.run_longer()
    assert pool.process is not None
    supervisor, server = pool.process.pid, pool.site().url
    before = {process.pid for process in pool.workers()}
    scene.installation.rewrite("pool/events.py", '"{task}: outcome of', '"NEW {task}: outcome of')
    told = cueworker("upgrade", "--state-dir", str(pool.state_dir), home=pool.folder)
    assert told.returncode == 0, told.stderr
    assert "1 worker(s) of the old version end what they run" in told.stdout
    # The same supervisor and local server; the busy worker stays, the idle one is a new process.
    assert (pool.process.poll(), pool.process.pid, pool.site().url) == (None, supervisor, server)
    pool.wait_until_up()
    now = {process.pid for process in pool.workers()}
    assert now & before == {worker}
    # The new one works, and the old one ends what it runs.
    assert scene.site.recorded(scene.site.fire("quick"))["outcome"]["result"] == "quick\n"
    assert "NEW quick" in pool.wait_for_event("report.recorded")[-1]
    assert scene.site.get(execution)["status"] == "delivering"
    scene.go.touch()
    assert scene.site.recorded(execution)["outcome"]["result"] == "longer\n"
    until(lambda: worker not in {process.pid for process in pool.workers()}, "the old worker is replaced")
    scene.wait_until_settled()
    assert not [line for line in pool.events("report.recorded") if " longer" in line and "NEW" in line]
    # What either of them counted is still there.
    pool.wait_for_event("metrics.listening", 2)
    counted = scrape(address(pool))
    for task in ("quick", "longer"):
        assert counted.value("cueworker_executions_total", task=task, verdict="success") == 1
    assert not pool.events("slot.crashed") and not pool.events("execution.swept")
    assert pool.stop() == 0


def test_an_adopted_worker_is_still_the_supervisors(scene: Scene) -> None:
    """Its death is settled and its slot refilled, over two upgrades; a drain waits for it."""
    execution, worker = scene.run_longer()
    scene.upgrade()
    scene.upgrade()
    os.kill(worker, signal.SIGKILL)
    assert "worker lost" in scene.site.recorded(execution)["outcome"]["error"]
    scene.pool.wait_until_up()
    execution, worker = scene.run_longer()
    scene.upgrade()
    assert scene.pool.process is not None
    scene.pool.send(signal.SIGTERM)
    scene.pool.wait_for_event("pool.draining")
    scene.go.touch()
    assert scene.pool.process.wait(20) == 0
    scene.pool.start(env=scene.installation.env)
    site = scene.pool.site()
    assert site.get(execution)["outcome"]["result"] == "longer\n"
    site.close()


def test_a_program_that_does_not_work_changes_nothing(scene: Scene) -> None:
    pool = scene.pool
    _, worker = scene.run_longer()
    before = {process.pid for process in pool.children()}

    def refused(reason: str) -> None:
        told = cueworker("upgrade", "--state-dir", str(pool.state_dir), home=pool.folder)
        assert (told.returncode, told.stdout) == (1, "")
        assert reason in pool.events("pool.not_upgraded")[-1]
        assert {process.pid for process in pool.children()} == before
        assert scene.site.recorded(scene.site.fire("quick"))["status"] == "success"

    settings = pool.config.read_text()
    pool.config.write_text("handlers: {quick: {cmnd: true}}\n")
    refused("exit code 78")
    pool.config.write_text(settings)
    scene.installation.rewrite("pool/board.py", '"beat", ', '"pulse", ')
    refused("exit code 76")
    scene.installation.rewrite("pool/board.py", "import mmap\n", "import no_such_module\n")
    refused("exit code 1")
    scene.go.touch()
    scene.wait_until_settled()
    assert worker in {process.pid for process in pool.workers()}
    assert pool.stop() == 0
