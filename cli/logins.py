"""`cueworker logins`: who may have a key of the embedded server."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .own_server import clean, local_time, server, table, where


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@where
@click.pass_context
def logins(context: click.Context, as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Approve or deny logins at the embedded server; without a subcommand, show those that wait.

    A login (`cueworker login`, `cueapi login`) waits for 15 minutes. Approve it only if its code is the one that the
    device shows: it gets a key of this account, or of the account that its e-mail address has here.

    \b
      cueworker logins
      cueworker logins approve BCDF-GHJK
      cueworker logins deny BCDF-GHJK

    Exit codes: 0 done; 1 no such login waits, or the server knows no logins; 69 the server could not be asked; 78 no
    server runs there and no other one is configured.
    """
    if context.invoked_subcommand is not None:
        # Where the server is may be told before the subcommand or after it.
        told = {"config": config, "state_dir": state_dir}
        context.default_map = {"approve": told, "deny": told}
        return
    with server("logins", config, state_dir) as api:
        found = api.logins.list()
    if as_json:
        click.echo(json.dumps(found))
    elif found["logins"]:
        rows = [
            [
                login["code"],
                local_time(login["asked_at"]),
                local_time(login["expires_at"]),
                clean(login["email"]),
            ]
            for login in found["logins"]
        ]
        click.echo(table([["CODE", "ASKED", "EXPIRES", "E-MAIL"], *rows]))
    else:
        click.echo("No login waits for a decision.", err=True)


@logins.command()
@click.argument("code")
@where
def approve(code: str, config: Path | None, state_dir: Path | None) -> None:
    """Let the device with this CODE in.

    \b
      cueworker logins approve BCDF-GHJK
    """
    with server("logins approve", config, state_dir) as api:
        login = api.logins.approve(code)
    click.echo(f"approved {login['code']} {clean(login['email'])}".rstrip())


@logins.command()
@click.argument("code")
@where
def deny(code: str, config: Path | None, state_dir: Path | None) -> None:
    """Turn the device with this CODE away.

    \b
      cueworker logins deny BCDF-GHJK
    """
    with server("logins deny", config, state_dir) as api:
        login = api.logins.deny(code)
    click.echo(f"denied {login['code']} {clean(login['email'])}".rstrip())
