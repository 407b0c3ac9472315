"""`cueworker whoami`: whose key it is, where it comes from, and whether the server takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..client import CueAPI, CueAPIError, NotFound
from ..local.usage import UNLIMITED
from ..supervisor.config import ConfigError
from ..supervisor.config_describe import mask_key
from .connection import running_local_server
from .key_options import account, account_options, fail

_WIDTH = 12


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@account_options
@click.option(
    "--state-dir", type=click.Path(path_type=Path), help="The state directory of a pool with --local."
)
def whoami(
    as_json: bool, config: Path | None, profile: str | None, api_base: str | None, state_dir: Path | None
) -> None:
    """Show whose API key a pool with this configuration uses, and ask the server whether it is good.

    While a pool with --local runs, that is the key of its own server.

    \b
      cueworker whoami
      cueworker whoami --json

    \b
    Exit codes: 0 the key is good; 69 the server could not be asked; 77 it refuses the key; 78 there is no key, or the
    configuration is wrong.
    """
    try:
        local = None if profile or api_base else running_local_server(config, state_dir)
        if local is not None:
            server, key, source = local.url, local.api_key, "the pool's own local server"
        else:
            found = account(config, profile, api_base)
            credentials = found.credentials()
            server, key, source = found.api_base, credentials.api_key, credentials.source
        with CueAPI(key, base_url=server) as api:
            told = _ask(api)
    except (CueAPIError, ConfigError, OSError) as error:
        fail("whoami", error)
    shown = {**told, "key": mask_key(key), "key_source": source, "server": server}
    click.echo(json.dumps(shown) if as_json else _in_words(shown))


def _ask(api: CueAPI) -> dict[str, Any]:
    try:
        return api.auth.me()
    except NotFound:
        # PROTOCOL.md does not name that call; every server tells the usage.
        used = api.usage()
        cues, executions = used["cues"], used["executions"]
        return {
            "plan": used["plan"],
            "active_cues": cues["active"],
            "active_cue_limit": cues["limit"],
            "executions_this_month": executions["used"],
            "monthly_execution_limit": executions["limit"],
        }


def _in_words(shown: dict[str, Any]) -> str:
    lines = {
        "email": shown.get("email"),
        "plan": shown.get("plan"),
        "cues": _of(shown.get("active_cues"), shown.get("active_cue_limit"), "active"),
        "executions": _of(
            shown.get("executions_this_month"), shown.get("monthly_execution_limit"), "this month"
        ),
        "key": f"{shown['key']} from {shown['key_source']}",
        "server": shown["server"],
    }
    return "\n".join(f"{name:<{_WIDTH}}{value}" for name, value in lines.items() if value is not None)


def _of(used: object, limit: object, what: str) -> str | None:
    if used is None:
        return None
    is_limited = isinstance(limit, int) and limit < UNLIMITED
    return f"{used} of {limit:,} {what}" if is_limited else f"{used} {what}"
