"""Commands in which no quoting protects a payload (ARCHITECTURE, step 3) are refused, with place and remedy."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.pool import Pool, running

# task: (the command as it stands in the file, the text at which `check` points, why it is refused)
REFUSED = {
    "here-document": ("cat <<END\n{{ payload.x }}\nEND", "<<END", "a here-document"),
    "here-string": ("cat <<< {{ payload.x }}", "<<<", "a here-document"),
    "backtick": ("echo `date` {{ payload.x }}", "`date", "a backtick"),
    "braces": ("echo ${HOME} {{ payload.x }}", "${HOME}", "`${…}`"),
    "arithmetic": ("echo $((1 + {{ payload.x }}))", "$((1", "arithmetic"),
    "double parentheses": ("(( {{ payload.x }} > 1 )) && echo more", "((", "arithmetic"),
    "double brackets": ("[[ {{ payload.x }} == a ]] && echo yes", "[[", "`[[`"),
    "ansi quotes": ("echo $'a\\n' {{ payload.x }}", "$'a", "`$'…'`"),
    "subscript": ("y[{{ payload.x }}]=1", "y[", "subscript"),
    "case": ("case {{ payload.x }} in a) echo b;; esac", ") echo", "`case`"),
    "eval": ("eval echo {{ payload.x }}", "eval", "`eval`"),
    "let": ("let y={{ payload.x }}", "let", "`let`"),
    "declare": ("declare y={{ payload.x }}", "declare", "`declare`"),
    "read": ("echo {{ payload.x }} | while read -r y; do echo; done", "read", "`read`"),
    "test -v": ("[ -v {{ payload.x }} ] && echo set", "-v", "`test -v`"),
    "later line": ("echo one\necho two\neval three {{ payload.x }}", "eval", "`eval`"),
}
CHECK = "cueworker.cli check"
REMEDY = '(pass it as data: `env: {PAYLOAD_X: "{{ payload.x }}"}`, and in the command "$PAYLOAD_X")'

HOSTILE = '"; touch CANARY; a[$(touch CANARY)]=1 `touch CANARY` #'
HANDLERS = {
    # As a user would write them by the remedy that `check` gives; the variable is quoted data.
    "by the remedy": 'eval "echo ran"; printf "[%s]" "$PAYLOAD_X" `printf .` "${PAYLOAD_X}"',
    "good": "printf %s {{ payload.x }}",
}


def block(command: str) -> str:
    """A YAML block scalar with these lines."""
    return "|-\n" + "".join(f"      {line}\n" for line in command.split("\n"))


def config(refused: dict[str, tuple[str, str, str]], with_good: bool = True) -> str:
    """The file: refused handlers and, between and after them, good ones."""
    lines = ["worker_id: test-pool", "workers: 2", "kill_grace: 1", "handlers:"]
    if with_good:
        lines += ["  good:", f"    cmd: {block(HANDLERS['good'])}".rstrip("\n")]
    for task, (command, _, _) in refused.items():
        lines += [f"  {task}:  # a comment", f"    cmd: {block(command)}".rstrip("\n")]
    if with_good:
        lines += ["  by the remedy:", '    env: {PAYLOAD_X: "{{ payload.x }}"}']
        lines += [f"    cmd: {block(HANDLERS['by the remedy'])}".rstrip("\n")]
    return "\n".join(lines) + "\n"


def place_of(task: str, text: str, file: str) -> tuple[int, int]:
    """Line and column, counted from 1, of the first `text` in the command of `task`."""
    start = file.index(f"  {task}:  # a comment\n")
    offset = file.index(text, file.index("cmd: |-\n", start))
    line_start = file.rindex("\n", 0, offset) + 1
    return file.count("\n", 0, offset) + 1, offset - line_start + 1


def run(module: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A command of ours, as a process that ends by itself."""
    command = [sys.executable, "-P", "-m", *module.split(), "--local", "--config", str(path)]
    command += ["--state-dir", str(path.parent / "state")]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False
    )


def test_check_names_each_place_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "cueworker.yaml"
    file = config(REFUSED)
    path.write_text(file)
    done = run(CHECK, path)
    assert done.returncode == 78, done.stderr
    said = [line.strip() for line in done.stdout.split("\nrefused\n")[1].splitlines()]
    problems = [line for line in said if line.startswith(f"{path}:")]
    assert len(problems) == len(REFUSED)
    for problem, (task, (_, text, reason)) in zip(problems, REFUSED.items(), strict=True):
        line, column = place_of(task, text, file)
        assert problem.startswith(f"{path}:{line}:{column}: handler '{task}' is refused: "), problem
        assert reason in problem
        assert problem.endswith(REMEDY), problem
    for task in HANDLERS:
        assert f"\nhandler {task}\n" in done.stdout


def test_check_is_content_once_the_remedy_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "cueworker.yaml"
    path.write_text(config({}))
    done = run(CHECK, path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is refused" not in done.stdout


def test_a_pool_runs_the_other_handlers_and_leaves_the_refused_work_alone(tmp_path: Path) -> None:
    pool = Pool(tmp_path, {})
    file = config(REFUSED)
    pool.config.write_text(file)
    with running(pool):
        site = pool.site()
        waiting = {task: site.fire(task, {"x": HOSTILE}) for task in REFUSED}
        for task, result in (("good", HOSTILE), ("by the remedy", f"ran\n[{HOSTILE}][.][{HOSTILE}]")):
            found = site.recorded(site.fire(task, {"x": HOSTILE}))
            assert (found["status"], found["outcome"]["result"]) == ("success", result)
        assert {site.get(execution)["status"] for execution in waiting.values()} == {"pending"}
        warned = "\n".join(pool.events("config.warning"))
        for task, (_, text, _) in REFUSED.items():
            line, column = place_of(task, text, file)
            assert f"{pool.config}:{line}:{column}: handler '{task}' is refused: " in warned
        assert not list(tmp_path.rglob("CANARY"))
        site.close()


def test_a_corrected_command_runs_after_a_reload(tmp_path: Path) -> None:
    refused = {"eval": REFUSED["eval"]}
    pool = Pool(tmp_path, {})
    pool.config.write_text(config(refused))
    with running(pool):
        site = pool.site()
        execution = site.fire("eval", {"x": HOSTILE})
        site.recorded(site.fire("good", {"x": ""}))
        assert site.get(execution)["status"] == "pending"
        corrected: dict[str, Any] = {"cmd": 'printf %s "$PAYLOAD_X"', "env": {"PAYLOAD_X": "{{ payload.x }}"}}
        pool.configure({"eval": corrected})
        pool.send(signal.SIGHUP)
        assert site.recorded(execution)["outcome"]["result"] == HOSTILE
        site.close()


@pytest.mark.parametrize("module", [CHECK, "cueworker.supervisor"])
def test_a_file_of_refused_commands_alone_is_an_error(tmp_path: Path, module: str) -> None:
    path = tmp_path / "cueworker.yaml"
    path.write_text(config(REFUSED, with_good=False))
    done = run(module, path)
    assert done.returncode == 78
    assert len(re.findall(r"cueworker\.yaml:\d+:\d+: handler .* is refused: ", done.stderr)) == len(REFUSED)
    assert done.stderr.count(REMEDY) == len(REFUSED)
    assert not (tmp_path / "state").exists()


def test_pasting_is_still_there_for_who_asks_for_it(tmp_path: Path) -> None:
    """`templates: paste` runs a refused command as the older daemon did, with a warning at its line."""
    handlers = {"case": {"cmd": "case {{ payload.x }} in a) echo b;; esac", "templates": "paste"}}
    pool = Pool(tmp_path, handlers)
    line = next(n for n, text in enumerate(pool.config.read_text().splitlines(), 1) if '"templates"' in text)
    done = run(CHECK, pool.config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        rf"{re.escape(str(pool.config))}:{line}:\d+: handler 'case' pastes payloads", done.stdout
    )
    assert json.loads(pool.config.read_text())["handlers"] == handlers
    with running(pool):
        site = pool.site()
        assert site.recorded(site.fire("case", {"x": "a"}))["outcome"]["result"] == "b\n"
        site.close()
