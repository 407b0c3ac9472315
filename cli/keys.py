"""`cueworker keys`: the API keys of the embedded server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .own_server import EXIT_FAILED, clean, local_time, server, table, where


@click.group()
def keys() -> None:
    """List, make and revoke the API keys of the embedded server.

    They work on the running server, at once. A key is told when it is made and never again: the server keeps a hash.

    \b
      cueworker keys list --state-dir /var/lib/cueworker
      cueworker keys make laptop
      cueworker keys revoke laptop

    Exit codes: 0 done; 1 there is no such key, or the server keeps none; 69 the server could not be asked; 78 no server
    runs there and no other one is configured.
    """


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@where
def list_keys(as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Show the keys that are good. `*` marks the one that this command uses.

    \b
      cueworker keys list
      cueworker keys list --json | jq '.keys[] | select(.last_used == null)'
    """
    with server("keys list", config, state_dir) as api:
        found = api.keys.list()
    if as_json:
        click.echo(json.dumps(found))
        return
    head = ["", "ID", "KEY", "MADE", "LAST USED", "LABEL"]
    rows = [
        [
            "*" if key["current"] else "",
            key["id"],
            key["key"],
            local_time(key["created_at"]),
            local_time(key["last_used"]),
            clean(key["label"]),
        ]
        for key in found["keys"]
    ]
    click.echo(table([head, *rows]))


@keys.command("make")
@click.argument("label", default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@where
def make_key(label: str, as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Make a key and print it, this once. LABEL says what it is for.

    \b
      cueworker keys make "build server"
      CUEAPI_API_KEY=$(cueworker keys make ci) ./deploy
    """
    with server("keys make", config, state_dir) as api:
        made = api.keys.make(label)
    click.echo(json.dumps(made) if as_json else made["api_key"])


@keys.command("revoke")
@click.argument("key", metavar="ID|LABEL|LAST4")
@where
def revoke_key(key: str, config: Path | None, state_dir: Path | None) -> None:
    """Revoke a key, named by its id, its label or its last four characters.

    It is refused from then on. The server's own key, which this command uses, gets a successor in its directory.

    \b
      cueworker keys revoke "build server"
      cueworker keys revoke key_0123456789ab
    """
    with server("keys revoke", config, state_dir) as api:
        meant = _meant(api.keys.list()["keys"], key)
        done = api.keys.revoke(meant["id"])
    click.echo(f"revoked {meant['id']} {meant['key']} {clean(meant['label'])}".rstrip())
    if done["replaced"]:
        click.echo("It was the server's own key; api_key in its directory holds a new one.", err=True)


def _meant(keys: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = [key for key in keys if name and name in (key["id"], key["label"], key["key"].partition("…")[2])]
    if len(found) == 1:
        return found[0]
    problem = "is the name of several keys" if found else "is the name of no key"
    click.echo(
        f"cueworker keys revoke: {clean(name)!r} {problem}; `cueworker keys list` shows their ids", err=True
    )
    raise SystemExit(EXIT_FAILED)
