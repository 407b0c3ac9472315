"""A systemd unit from the template: this machine's paths, the configuration's times, the scope's restrictions. Pure."""

from __future__ import annotations

import re
from importlib import resources

from .service import MARK, Scope, Service

_SYSTEM_ONLY = re.compile(
    r"User|LoadCredential|StateDirectory(Mode)?|LogsDirectory(Mode)?|Wants|After"
    r"|NoNewPrivileges|CapabilityBoundingSet|Protect\w+|RestrictRealtime"
)
"""What a user's own service manager does not have, cannot do, or need not: its handlers are that user anyway."""

_SETTING = re.compile(r"(\w+)=.*")


def unit_name(instance: str | None) -> str:
    """The unit's name: `cueworker.service`, or `cueworker@NAME.service`."""
    return "cueworker.service" if instance is None else f"cueworker@{instance}.service"


def render(service: Service) -> str:
    """The unit's text. Each setting keeps the comment above it. Raises ValueError for a path that no unit can hold."""
    values = _values(service)
    lines = [
        f"# {MARK}, which writes it again; changes belong into `systemctl edit {unit_name(service.instance)}`."
    ]
    comment: list[str] = []
    for line in _template_body(service.instance):
        if line.startswith("#"):
            comment.append(line)
            continue
        name = found[1] if (found := _SETTING.fullmatch(line)) else ""
        if not _is_dropped(name, service):
            # A comment by itself is about the hardening, which users' services go without.
            lines += comment if line or service.scope is Scope.SYSTEM else []
            if line or lines[-1]:
                lines.append(f"{name}={values[name]}" if name in values else line)
        if name == "ExecReload":
            lines += [
                "# The PATH of the shell that installed it; nothing else of its environment.",
                values["PATH"],
            ]
        comment = []
    return "\n".join(lines) + "\n"


def _template_body(instance: str | None) -> list[str]:
    name = "cueworker.service" if instance is None else "cueworker@.service"
    text = resources.files("cueworker.service_templates").joinpath(name).read_text(encoding="utf-8")
    return ["", *text[text.index("[Unit]") :].splitlines()]


def _is_dropped(name: str, service: Service) -> bool:
    if service.own_state_dir and name.startswith("StateDirectory"):
        return True
    return service.scope is Scope.USER and _SYSTEM_ONLY.fullmatch(name) is not None


def _values(service: Service) -> dict[str, str]:
    title = "cueworker: a pool of workers for CueAPI"
    folder = f"cueworker{service.suffix}"
    return {
        "Description": title if service.instance is None else f"{title} ({service.instance})",
        "ExecStart": " ".join(map(quoted, service.command)),
        "PATH": f"Environment={_in_quotes(f'PATH={service.path}')}",
        "User": service.user or "",
        "LoadCredential": f"api_key:{folder}.api_key",
        "StateDirectory": folder,
        "LogsDirectory": folder,
        "TimeoutStartSec": str(service.start_within),
        "TimeoutStopSec": str(service.stop_within),
        "WantedBy": "default.target" if service.scope is Scope.USER else "multi-user.target",
    }


def quoted(argument: str) -> str:
    """A word of ExecStart= that reaches the program as it is (systemd.service(5), "Command lines")."""
    if re.fullmatch(r"[A-Za-z0-9@_./:=+,-]+", argument):
        return argument
    return _in_quotes(argument).replace("$", "$$")


def _in_quotes(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a character that no unit can hold; rename the file or folder")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
