"""`cueworker doctor`: this machine, the configuration and the server, each line with its mend."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from .doctor_checks import Finding, Level, examine
from .doctor_facts import gather
from .usage import UsageCommand
from .where import pool_options

EXIT_FAILED = 1


@click.command(cls=UsageCommand)
@click.option("--local", is_flag=True, help="For a pool with --local: no API key is needed.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list: check, level, text, mend.")
@pool_options
def doctor(local: bool, as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Check what a pool needs, and say how to mend what is wrong.

    The configuration, handlers' programs, API key, server, clock, proxy, permissions, disk, limits, systemd, cgroup.
    It changes nothing and the pool may run meanwhile. Run it as the pool's user: another has other limits, files and
    another environment.

    \b
      cueworker doctor --config /etc/cueworker/cueworker.yaml
      cueworker doctor --local --json | jq '.[] | select(.level != "ok")'

    Exit codes: 0 nothing fails (there may be warnings); 1 something does; 64 the command line is wrong.
    """
    findings = examine(gather(config, state_dir, os.environ, local=local))
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings], indent=2))
    else:
        click.echo("\n".join(_lines(findings)))
    sys.exit(EXIT_FAILED if any(finding.level is Level.FAIL for finding in findings) else 0)


def _lines(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        first, *rest = finding.text.split("\n")
        yield f"{finding.level.value:<5} {finding.check:<12} {first}".rstrip()
        yield from (f"{'':<18} {line}".rstrip() for line in rest)
        if finding.mend is not None:
            yield f"{'':<18} -> {finding.mend}"
