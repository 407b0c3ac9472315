"""A launchd property list from the template. Pure."""

from __future__ import annotations

import plistlib
from importlib import resources
from pathlib import Path
from typing import Any

from .service import MARK, Scope, Service

_TEMPLATE = "cueworker.plist"
_DOCTYPE_END = b'PropertyList-1.0.dtd">\n'


def label(instance: str | None) -> str:
    """The agent's name."""
    return "com.cueapi.cueworker" if instance is None else f"com.cueapi.cueworker.{instance}"


def render(service: Service, home: Path) -> str:
    """The property list. `home` is the user's, whose agents log below it."""
    template = resources.files("cueworker.service_templates").joinpath(_TEMPLATE).read_bytes()
    agent: dict[str, Any] = plistlib.loads(template)
    logs = Path("/Library/Logs") if service.scope is Scope.SYSTEM else home / "Library/Logs"
    agent |= {
        "Label": label(service.instance),
        "ProgramArguments": list(service.command),
        "EnvironmentVariables": {"PATH": service.path},
        "ExitTimeOut": service.stop_within,
        "StandardErrorPath": str(logs / f"cueworker{service.suffix}.log"),
    }
    if service.user is not None:
        agent["UserName"] = service.user
    text = plistlib.dumps(agent, sort_keys=False)
    return text.replace(
        _DOCTYPE_END, _DOCTYPE_END + f"<!-- {MARK}, which writes it again. -->\n".encode(), 1
    ).decode()
