"""What the drivers of the official clients share: telling what was done, and noticing what was called."""

from __future__ import annotations

import inspect
import json
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FrameType
from typing import Any

Functions = Mapping[str, Callable[..., Any]]


class Recording:
    """Notices every Python function that runs from its making on, in this thread and in later ones."""

    def __init__(self) -> None:
        self._ran: set[CodeType] = set()
        self.more: set[str] = set()
        """What was called in processes of its own, by its public name."""
        threading.setprofile(self._notice)
        sys.setprofile(self._notice)

    def _notice(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self._ran.add(frame.f_code)

    def step(self, name: str, returned: Any = None) -> Any:
        """Tell of a step; gives back what it returned."""
        print(json.dumps({"step": name, "returned": returned}, default=str), flush=True)
        return returned

    def end(self, public: Functions) -> None:
        """The last line: what there is, and what of it was called."""
        sys.setprofile(None)
        called = {name for name, function in public.items() if _code(function) in self._ran}
        print(json.dumps({"public": sorted(public), "called": sorted(called | self.more)}), flush=True)


def _code(function: Callable[..., Any]) -> CodeType:
    found: CodeType = inspect.unwrap(function).__code__
    return found


def methods(*classes: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public methods that the classes themselves define, as `Class.method`."""
    for owner in classes:
        for name, value in vars(owner).items():
            if isinstance(value, types.FunctionType) and not name.startswith("_"):
                yield f"{owner.__name__}.{name}", value


def commands(group: Any, prefix: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The commands of a click group and of its subgroups, as they are typed."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command.callback


def raises(kind: type[Exception], call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The error that a call must raise: of exactly that class."""
    try:
        returned = call(*args, **kwargs)
    except Exception as error:
        assert type(error) is kind, f"{kind.__name__} expected, not {error!r}"
        return error
    raise AssertionError(f"{kind.__name__} expected, not {returned!r}")
