"""The two service managers: where their files lie, and which commands make a file a running service. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import service_agent, service_unit
from .service import Scope, Service


@dataclass(frozen=True)
class Step:
    """A command to run."""

    command: tuple[str, ...]
    may_fail: bool = False
    why: str = ""
    """Said beside it, if it does not explain itself."""


class Manager(Protocol):
    """A service manager, for one scope and one instance."""

    @property
    def program(self) -> str:
        """The command that it is controlled by."""

    @property
    def file(self) -> Path:
        """Where the definition belongs."""

    def render(self, service: Service) -> str:
        """The definition. Raises ValueError if it cannot hold the service."""

    def check(self, file: Path) -> tuple[str, ...]:
        """A command that judges a definition before it is installed."""

    def starting(self, changed: bool) -> list[Step]:
        """From a written definition to a running service; `changed`: since it was started last."""

    def verifying(self) -> Step:
        """Whether it runs."""

    def stopping(self) -> list[Step]:
        """Before the definition is removed."""

    def forgetting(self) -> list[Step]:
        """After that."""

    def advice(self) -> str:
        """How to look after it."""


@dataclass(frozen=True)
class Systemd:
    """systemd; `root` is the folder that stands for `/`."""

    scope: Scope
    instance: str | None
    root: Path
    config_home: Path
    program: str = "systemctl"

    @property
    def _name(self) -> str:
        return service_unit.unit_name(self.instance)

    @property
    def _control(self) -> tuple[str, ...]:
        return (self.program,) if self.scope is Scope.SYSTEM else (self.program, "--user")

    @property
    def file(self) -> Path:
        if self.scope is Scope.SYSTEM:
            return self.root / "etc/systemd/system" / self._name
        return self.config_home / "systemd/user" / self._name

    def render(self, service: Service) -> str:
        return service_unit.render(service)

    def check(self, file: Path) -> tuple[str, ...]:
        scope = () if self.scope is Scope.SYSTEM else ("--user",)
        return ("systemd-analyze", *scope, "verify", str(file))

    def starting(self, changed: bool) -> list[Step]:
        steps = [Step((*self._control, "enable", self._name))]
        if changed:
            why = "if it runs already: its handlers may finish within shutdown_grace"
            steps = [
                Step((*self._control, "daemon-reload")),
                *steps,
                Step((*self._control, "restart", self._name), why=why),
            ]
        else:
            steps.append(Step((*self._control, "start", self._name)))
        if self.scope is Scope.USER:
            why = "it runs while you are not logged in, too"
            steps.append(Step(("loginctl", "enable-linger"), may_fail=True, why=why))
        return steps

    def verifying(self) -> Step:
        return Step((*self._control, "is-active", self._name))

    def stopping(self) -> list[Step]:
        return [Step((*self._control, "disable", "--now", self._name))]

    def forgetting(self) -> list[Step]:
        return [
            Step((*self._control, "daemon-reload")),
            Step((*self._control, "reset-failed", self._name), may_fail=True, why="it may never have failed"),
        ]

    def advice(self) -> str:
        control = " ".join(self._control)
        journal = "journalctl" if self.scope is Scope.SYSTEM else "journalctl --user"
        return (
            f"  state   {control} status {self._name}\n"
            f"  log     {journal} -u {self._name} -f\n"
            f"  reload  {control} reload {self._name}   after a change of the configuration\n"
        )


@dataclass(frozen=True)
class Launchd:
    """macOS's launchd; `root` is the folder that stands for `/`."""

    scope: Scope
    instance: str | None
    root: Path
    home: Path
    program: str = "launchctl"

    @property
    def _domain(self) -> str:
        return "system" if self.scope is Scope.SYSTEM else f"gui/{os.getuid()}"

    @property
    def _target(self) -> str:
        return f"{self._domain}/{service_agent.label(self.instance)}"

    @property
    def file(self) -> Path:
        folder = self.root / "Library/LaunchDaemons"
        if self.scope is Scope.USER:
            folder = self.home / "Library/LaunchAgents"
        return folder / f"{service_agent.label(self.instance)}.plist"

    def render(self, service: Service) -> str:
        return service_agent.render(service, self.home)

    def check(self, file: Path) -> tuple[str, ...]:
        return ("plutil", "-lint", str(file))

    def starting(self, changed: bool) -> list[Step]:
        leave = Step((self.program, "bootout", self._target), may_fail=True, why="if it runs already")
        return [
            *([leave] if changed else []),
            Step((self.program, "enable", self._target)),
            Step(
                (self.program, "bootstrap", self._domain, str(self.file)),
                may_fail=not changed,
                why="" if changed else "it may run already",
            ),
        ]

    def verifying(self) -> Step:
        return Step((self.program, "print", self._target))

    def stopping(self) -> list[Step]:
        return [Step((self.program, "bootout", self._target), may_fail=True, why="it may not run")]

    def forgetting(self) -> list[Step]:
        return []

    def advice(self) -> str:
        return (
            f"  state   launchctl print {self._target}\n"
            f"  reload  launchctl kill HUP {self._target}   after a change of the configuration\n"
        )


def manager(platform: str, scope: Scope, instance: str | None, root: Path, home: Path) -> Manager:
    """The service manager of a platform (`sys.platform`)."""
    if platform == "darwin":
        return Launchd(scope, instance, root, home)
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return Systemd(scope, instance, root, Path(given) if os.path.isabs(given) else home / ".config")
