"""Where a process's lines go: a file, standard error where there is none or it cannot be written, and back."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cueworker.pool import emit, log
from cueworker.pool.log_settings import LogSettings
from cueworker.pool.redact import Redactor
from support.forked import in_child


def logged(tmp_path: Path, main: Callable[[], Any], **settings: Any) -> tuple[Any, list[str]]:
    """What `main` returns in a process that logs so, and the lines on its standard error."""
    errors = tmp_path / "stderr"

    def child() -> Any:
        with errors.open("wb") as file:
            os.dup2(file.fileno(), 2)
        log.configure(LogSettings(**settings), Redactor(["hunter2-hunter2"]), {})
        return main()

    return in_child(child), errors.read_text().splitlines()


def test_lines_go_to_standard_error_from_the_level_on(tmp_path: Path) -> None:
    def main() -> None:
        emit("slot.left", name="worker 1")
        emit("config.warning", problem="hunter2-hunter2")

    _, lines = logged(tmp_path, main)
    assert [line.split("Z ")[1] for line in lines] == ["WARNING [redacted]  [config.warning]"]
    _, lines = logged(tmp_path, main, level="debug", format="json")
    assert [json.loads(line)["level"] for line in lines] == ["debug", "warning"]


def test_a_file_is_opened_by_each_process_and_only_the_owner_and_group_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"

    def main() -> None:
        emit("config.warning", problem="first")
        log.named("worker 7")
        in_child(lambda: emit("config.warning", problem="forked"))

    _, lines = logged(tmp_path, main, file=path, format="json")
    assert lines == []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["msg"], line["process"]) for line in found] == [
        ("first", "supervisor"),
        ("forked", "worker 7"),
    ]
    assert len({line["pid"] for line in found}) == 2
    assert not stat.S_IMODE(path.stat().st_mode) & 0o007


def test_a_file_that_cannot_be_written_is_told_once_and_taken_up_again(tmp_path: Path) -> None:
    folder = tmp_path / "logs"

    def main() -> None:
        for number in range(3):
            emit("config.warning", problem=f"lost {number}")
        folder.mkdir()
        emit("config.warning", problem="found")
        (folder / "pool.log").unlink()
        folder.rmdir()
        emit("config.warning", problem="lost again")

    _, lines = logged(tmp_path, main, file=folder / "pool.log")
    told = [line for line in lines if "[log.unwritable]" in line]
    assert [line.split()[2] + line.split()[3] for line in lines if line not in told] == [
        "lost0",
        "lost1",
        "lost2",
        "lostagain",
    ]
    assert len(told) == 2 and "No such file or directory" in told[0]


def test_a_file_that_cannot_be_set_aside_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"
    (tmp_path / "pool.log.1" / "full").mkdir(parents=True)

    def main() -> None:
        for number in range(4):
            emit("config.warning", problem=f"{number} {'x' * 4000}")

    logged(tmp_path, main, file=path, max_size=4096, keep=1)
    lines = path.read_text().splitlines()
    assert (
        len(lines) == 5
        and [line.endswith("[log.stuck]") or "[log.stuck]" in line for line in lines].count(True) == 1
    )


def test_without_standard_error_nothing_is_lost_but_the_lines(tmp_path: Path) -> None:
    def main() -> str:
        os.close(2)
        emit("config.warning", problem="nobody hears")
        return "went on"

    assert logged(tmp_path, main, file=tmp_path / "no" / "folder")[0] == "went on"
    with contextlib.suppress(FileNotFoundError):
        (tmp_path / "no").rmdir()
