"""`cueworker run`: one handler, here and now, as a worker would run it; no server is asked or told."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import click

from ..pool import workspace
from ..pool.clock import boottime
from ..pool.errors import CouldNotStart
from ..pool.handler import Handler
from ..pool.invocation import Surroundings
from ..pool.run import Rules, stack_limit
from ..pool.settings import Settings
from ..pool.trial import Trial, attempt
from ..supervisor.config import ConfigError, LoadedConfig, find_config
from ..supervisor.config_problem import clip
from . import payload as payloads
from . import run_plan, run_result
from .completing import task_names
from .run_plan import Given, Plan
from .run_result import Result
from .usage import UsageCommand
from .where import load_as_pool, pool_options

EXIT_FAILED = 1
EXIT_CONFIG = 78


@click.command(cls=UsageCommand)
@click.argument("task", shell_complete=task_names)
@click.option("--payload", metavar=payloads.METAVAR, help=payloads.HELP)
@click.option("--dry-run", is_flag=True, help="Show what would be started, and start nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; the output goes to standard error."
)
@click.option("--execution-id", help="What $CUEAPI_EXECUTION_ID says [a new UUID].")
@click.option("--cue-id", default="cue_trial", show_default=True, help="What $CUEAPI_CUE_ID says.")
@click.option("--cue-name", help="What $CUEAPI_CUE_NAME says [trial of TASK].")
@pool_options
def run(
    task: str,
    payload: str | None,
    dry_run: bool,
    as_json: bool,
    execution_id: str | None,
    cue_id: str,
    cue_name: str | None,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Run TASK's handler here and now, as a worker would.

    Shows the resolved command and environment (secrets hidden), the output as it comes, what counts of the outcome
    file, the report that the server would be sent, and what each verification mode would make of it. No server is
    asked or told, and no API key is needed; the handler gets one if one is configured. Ctrl-C starts the kill ladder,
    a second one kills at once; nothing that the handler started is left.

    \b
      cueworker run greet --payload '{"name": "Ada"}'
      cueworker run report --payload @payload.json --dry-run
      cueworker run report --json 2>output.txt | jq .verification

    Exit codes: 0 the report would be a success; 1 a failure; 64 the command line is wrong; 78 the configuration is
    wrong, or the handler's command is refused.
    """
    given = Given(
        execution_id=execution_id or str(uuid.uuid4()),
        cue_id=cue_id,
        cue_name=cue_name if cue_name is not None else f"trial of {task}",
        payload={**payloads.read_payload(payload), "task": task},
    )
    try:
        loaded, keyless = load_as_pool(find_config(config, os.environ, Path.cwd()), state_dir)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    handler = _handler(task, loaded)
    if keyless is not None:
        why = keyless.problems[0].message.partition(":")[0]
        click.echo(f"note: {why}; the handler gets no $CUEAPI_API_KEY", err=True)
    try:
        code = _in_a_folder_of_its_own(handler, loaded.settings, given, dry_run=dry_run, as_json=as_json)
    except OSError as error:
        click.echo(f"cueworker run: {error}; the handler's files lie in $TMPDIR, by default /tmp", err=True)
        code = EXIT_FAILED
    sys.exit(code)


def _in_a_folder_of_its_own(
    handler: Handler, settings: Settings, given: Given, *, dry_run: bool, as_json: bool
) -> int:
    """As a worker has one; never in the pool's state directory, which a starting pool clears."""
    if dry_run:
        return _go(handler, settings, given, Path(tempfile.gettempdir()), dry_run=True, as_json=as_json)
    root = Path(tempfile.mkdtemp(prefix="cueworker-run-"))
    try:
        return _go(handler, settings, given, root, dry_run=False, as_json=as_json)
    finally:
        _remove(root)


def _remove(root: Path) -> None:
    # Never `workspace.remove(root)`: it opens up the folder above, which here is everybody's. What a handler may have
    # put in the folder's place is left alone.
    if not root.is_symlink():
        workspace.remove_all(root)
        with contextlib.suppress(OSError):
            root.rmdir()


def _handler(task: str, loaded: LoadedConfig) -> Handler:
    handlers = loaded.settings.handlers
    refused = [problem for problem in loaded.refused if f"handler {clip(task)} " in problem.message]
    if task not in handlers and refused:
        click.echo("\n".join(map(str, refused)), err=True)
        sys.exit(EXIT_CONFIG)
    if task not in handlers:
        close = difflib.get_close_matches(task[:100], handlers, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        known = ", ".join(sorted(handlers))
        raise click.UsageError(f"{loaded.path} has no handler {clip(task)}.{meant} Its handlers: {known}")
    for problem in loaded.warnings:
        if f"handler {clip(task)}" in problem.message:
            click.echo(f"warning: {problem}", err=True)
    return handlers[task]


def _go(
    handler: Handler, settings: Settings, given: Given, root: Path, *, dry_run: bool, as_json: bool
) -> int:
    files = workspace.Workspace(root / "outcomes", 0)
    surroundings = Surroundings(os.environ, stack_limit())
    try:
        planned = run_plan.plan(handler, settings, given, files, surroundings, os.environ)
    except CouldNotStart as error:
        click.echo(f"could not start: {error}", err=True)
        return EXIT_FAILED
    if not as_json:
        click.echo(run_plan.as_text(planned, os.getcwd()))
    if dry_run:
        if as_json:
            _print_json(run_plan.as_data(planned))
        return 0
    if not as_json:
        click.echo(run_plan.line("output", "as it comes:") + "\n")
    result = _result(planned, files, (2, 2) if as_json else (1, 2))
    if as_json:
        _print_json({**run_plan.as_data(planned), **run_result.as_data(result)})
    else:
        click.echo(f"\n{run_result.as_text(result)}")
    return 0 if result.report.success else EXIT_FAILED


def _result(planned: Plan, files: workspace.Workspace, outputs: tuple[int, int]) -> Result:
    files.fill(json.dumps(planned.given.payload).encode())
    sys.stdout.flush()
    trial = Trial(
        name=f"cueworker: run {planned.handler.task}",
        invocation=planned.invocation,
        rules=Rules(timeout=planned.handler.timeout, kill_grace=planned.kill_grace, kill_on_lease_loss=False),
        marker=planned.marker,
        outputs=outputs,
    )
    started = boottime()
    ended = attempt(trial)
    seconds = boottime() - started
    file = workspace.read_outcome(files.outcome_file)
    files.close()
    return Result(ended=ended, seconds=seconds, file=file, secrets=planned.secrets, redacts=planned.redacts)


def _print_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2))
