"""The service manager's socket (sd_notify(3)): short messages, sent without waiting and without an answer."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping, MutableMapping

_PRIVATE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """Sends to the service manager that started this process; without one, nothing has any effect."""

    def __init__(
        self, address: str = "", watchdog: float | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """`address` is a path, or `@name` for the abstract namespace; anything else is no address.

        `watchdog`: seconds without a WATCHDOG=1 after which the manager ends the service; None: never.
        """
        self.watchdog = watchdog
        self.environment = environment or {}
        """The variables that it was made from."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            with contextlib.suppress(OSError):
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> Notifier:
        """The manager that `environ` names. The variables are taken out: no child speaks in our name."""
        own = {name: environ.pop(name) for name in _PRIVATE if name in environ}
        address, microseconds, pid = (own.get(name, "") for name in _PRIVATE)
        is_ours = pid in ("", str(os.getpid()))
        watched = is_ours and microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0
        return cls(address, int(microseconds) / 1e6 if watched else None, own)

    @property
    def is_heard(self) -> bool:
        """Whether there is a service manager."""
        return self._socket is not None

    def send(self, **fields: object) -> None:
        """Send one message, such as `send(READY=1, STATUS="…")`. Never raises, never waits: what does not fit into the
        manager's queue is lost, and what matters is said again.
        """
        if self._socket is None:
            return
        message = "\n".join(f"{name}={str(value).replace(chr(10), ' ')}" for name, value in fields.items())
        with contextlib.suppress(OSError):
            self._socket.sendto(message.encode("utf-8", "replace"), self._address)

    def close(self) -> None:
        """Say nothing any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
