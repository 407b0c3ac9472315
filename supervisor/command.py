"""The `cueworker-supervise` command."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..pool import log
from ..pool.board import MAX_WORKERS
from . import exit_codes
from .config import ConfigError
from .handover import LAYOUT
from .options import Options
from .start import supervise
from .upgrade import PROBE


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The YAML file. Default: $CUEWORKER_CONFIG, ./cueworker.yaml, ./cueapi-worker.yaml, then "
    "~/.config/cueapi/ and /etc/cueworker/.",
)
@click.option(
    "--workers", type=click.IntRange(1, MAX_WORKERS), help="Executions that run at once [file's, or 4]."
)
@click.option("--local", is_flag=True, help="Run an embedded CueAPI server as well: no account, no network.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    help="Where reports wait and slots keep their records. One pool per directory.",
)
@click.option("--worker-id", help="The name that the server knows this pool by [host name].")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    help="How much to say [file's, or info].",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    help="json: one object a line; auto: text, with systemd's priorities where its journal listens [file's, or auto].",
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Log into this file, which is rotated, instead of standard error.",
)
@click.option(PROBE, "probe", hidden=True, metavar="LAYOUT")
def main(
    config: Path | None,
    workers: int | None,
    local: bool,
    state_dir: Path | None,
    worker_id: str | None,
    log_level: str | None,
    log_format: str | None,
    log_file: Path | None,
    probe: str | None,
) -> None:
    """Supervise a pool of workers for CueAPI.

    Each worker claims one execution at a time, keeps its lease alive, runs the task's handler and reports the outcome.
    `cueworker check` shows what a configuration would run.

    \b
      cueworker-supervise --local
      cueworker-supervise --config /etc/cueworker/cueworker.yaml --workers 16

    \b
    TERM, INT   drain: handlers may finish for `shutdown_grace`, then TERM, then KILL
                a second one starts the killing at once
    QUIT        kill the handlers at once, report, leave
    HUP         reload the configuration; running handlers are not touched
                (on a terminal: drain)
    TSTP, CONT  pause and resume: nothing is claimed meanwhile, what runs goes on
                (^Z on the pool's terminal pauses it, too)
    TTIN, TTOU  one worker more, one less, until the next reload
    USR1        reopen the log file
    USR2        go on with the version that is installed now

    The same and more by command: `cueworker status`, `top`, `cancel`, `pause`, `resume`, `scale`, `recycle`, `reload`,
    `upgrade`, `drain`.

    Exit codes: 0 stopped as asked; 70 no worker could start; 73 state directory or local server unusable;
    75 another pool holds the state directory; 77 the server refuses the API key and `on_auth_failure: exit` is set;
    78 the configuration is wrong.
    """
    log.to_stderr(log_level or "info")
    options = Options(config, workers, local, state_dir, worker_id, log_level, log_format, log_file)
    sys.exit(supervise(options) if probe is None else could_take_over(options, probe))


def could_take_over(options: Options, layout: str) -> int:
    """Whether this program could take over from a running pool whose board has this layout, as an exit code."""
    try:
        options.load()
    except ConfigError as error:
        click.echo(str(error), err=True)
        return exit_codes.CONFIG
    if layout != LAYOUT:
        click.echo(
            "the new version cannot take over running workers from this one: restart the pool", err=True
        )
        return exit_codes.INCOMPATIBLE
    return exit_codes.OK
