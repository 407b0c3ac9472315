"""What is wrong with a configuration, where, and what to do about it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_KEY = re.compile(r"(cue_sk_)[0-9A-Za-z_-]+")
_WORD = re.compile(r"[0-9A-Za-z_.-]{1,60}")


class Place(NamedTuple):
    """A position in a file, counted from 1 as editors do; line 0 means "not in a file"."""

    line: int = 0
    column: int = 0


NOWHERE = Place()


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or worth a warning. Line 0 means all of `file`, or an option of that name."""

    file: str
    line: int
    column: int
    message: str
    remedy: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


class ConfigError(Exception):
    """The configuration cannot be used. `problems` holds every problem found, not only the first."""

    exit_code = os.EX_CONFIG

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NoConfig(ConfigError):
    """No configuration file was named and none lies where one is looked for."""


class Findings:
    """Collects what is found while one file is read, so that all of it can be shown at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[Problem] = []
        self.refused: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, place: Place, message: str, remedy: str | None = None) -> None:
        """Note something that makes the file unusable."""
        self.errors.append(self.problem(place, message, remedy))

    def refuse(self, place: Place, message: str, remedy: str | None = None) -> None:
        """Note a handler that is left out while the others work."""
        self.refused.append(self.problem(place, message, remedy))

    def warn(self, place: Place, message: str, remedy: str | None = None) -> None:
        """Note something that works and may not be meant."""
        self.warnings.append(self.problem(place, message, remedy))

    def problem(self, place: Place, message: str, remedy: str | None = None) -> Problem:
        """A problem of this file, not noted anywhere yet."""
        return Problem(self.file, *place, message, remedy)

    def raise_errors(self) -> None:
        """Raise ConfigError if there are errors, showing refused handlers too: they also need a change."""
        if self.errors:
            raise ConfigError(in_file_order(self.errors + self.refused, self.file))


def in_file_order(problems: Iterable[Problem], file: str) -> tuple[Problem, ...]:
    """Problems by line, those of `file` first; those of other files and of options come last."""
    return tuple(sorted(problems, key=lambda problem: (problem.file != file, problem.line, problem.column)))


def mask_keys(text: str, *keys: str) -> str:
    """`text` without anything that looks like an API key, and without the given ones."""
    for key in keys:
        if key:
            text = text.replace(key, "…")
    return _KEY.sub(r"\1…", text)


def clip(text: str, limit: int = 60) -> str:
    """`text` as a message may show it: quoted, on one line, keys masked, at most `limit` characters."""
    masked = mask_keys(text)
    return repr(masked if len(masked) <= limit else masked[: limit - 1] + "…")


def show_key(key: str) -> str:
    """The same for a key of the file, without quotes where none are needed."""
    return mask_keys(key) if _WORD.fullmatch(key) else clip(key)
