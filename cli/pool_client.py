"""Talking to a running pool: find its state directory, ask its control socket, tell what went wrong."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from ..pool.state_dir import StateDir
from ..supervisor.control_path import address_of

PATIENCE = 15.0
"""Seconds for an answer: a pool drops clients that say nothing after 5, and others may stand in line before us."""

_AGAIN = 0.05

Answer = dict[str, Any]


class PoolUnreachable(Exception):
    """No pool answers; the message says what to do."""


class NoPool(PoolUnreachable):
    """No pool is running with that state directory."""


class Refused(Exception):
    """The pool's answer is no. `code` is for programs, the message for people."""

    def __init__(self, code: str, error: str) -> None:
        super().__init__(error)
        self.code = code


class PoolClient:
    """The pool that runs with a state directory."""

    def __init__(self, state_dir: StateDir) -> None:
        self.state_dir = state_dir

    def ask(self, command: str, **arguments: Any) -> Answer:
        """The pool's answer to a command. Raises Refused, NoPool, and PoolUnreachable."""
        answer = self._exchange(json.dumps({"command": command, **arguments}).encode() + b"\n")
        if not answer.get("ok"):
            raise Refused(str(answer.get("code", "")), str(answer.get("error", "the pool refused")))
        return answer

    def _exchange(self, request: bytes) -> Answer:
        said = b""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            try:
                with address_of(self.state_dir.control) as address:
                    _connect(connection, address)
            except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
                raise self._nobody() from error
            except OSError as error:
                raise PoolUnreachable(f"{self.state_dir.control}: {error.strerror or error}") from error
            # A pool that refuses us at once does not read what we say.
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(request)
            try:
                while received := connection.recv(1 << 16):
                    said += received
            except ConnectionResetError:
                pass
            except TimeoutError as error:
                raise PoolUnreachable(
                    f"the pool does not answer within {PATIENCE:g} s; is it stopped, or the machine overloaded?"
                ) from error
        try:
            answer: Answer = json.loads(said)
        except ValueError as error:
            raise PoolUnreachable("the pool ended the conversation; is it stopping?") from error
        return answer

    def _nobody(self) -> PoolUnreachable:
        in_use = False
        with contextlib.suppress(OSError):
            in_use = self.state_dir.is_in_use()
        if in_use:
            return PoolUnreachable(
                f"a pool holds {self.state_dir.root}, but listens to no {self.state_dir.control.name}: "
                "it is starting or stopping, or its log says why"
            )
        return NoPool(
            f"no pool is running with the state directory {self.state_dir.root}; start one with cueworker-supervise, "
            "or name the right one with --state-dir or --config"
        )


def _connect(connection: socket.socket, address: str) -> None:
    """Connect, waiting for a place in the line before a pool that is busy with others. Raises OSError."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            connection.connect(address)
            return
        except BlockingIOError:
            if time.monotonic() >= give_up:
                raise
            time.sleep(_AGAIN)


def find_state_dir(config: Path | None, state_dir: Path | None) -> Path:
    """The state directory of the pool that is meant: as `cueworker-supervise` with these options finds it.

    Raises ConfigError.
    """
    if state_dir is not None:
        return state_dir.absolute()
    # Not needed, and not paid for, when the directory is named.
    from ..supervisor.config_paths import default_state_dir
    from ..supervisor.config_problem import NoConfig
    from ..supervisor.config_search import find_config

    try:
        path = find_config(config, os.environ, Path.cwd())
    except NoConfig:
        return default_state_dir(socket.gethostname(), os.environ)
    from ..supervisor.config_state_dir import read_state_dir

    return read_state_dir(path).absolute()
