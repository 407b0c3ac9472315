"""Checks of request fields: problems are collected, so that one answer names them all."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from .errors import Detail, unprocessable

_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f]+")


class Fields:
    """Reads typed fields of one JSON object (or query); `finish` raises what was wrong with them."""

    def __init__(self, values: Mapping[str, Any], *, place: str = "body") -> None:
        self._values = values
        self._place = place
        self.problems: list[Detail] = []

    def problem(self, name: str, message: str) -> None:
        """Notes a problem with the field."""
        self.problems.append((f"{self._place}.{name}", message))

    def given(self, name: str) -> bool:
        """Whether the field was sent at all (null counts)."""
        return name in self._values

    def string(
        self, name: str, *, longest: int | None = None, required: bool = False, empty: bool = True
    ) -> str | None:
        """A string of at most `longest` characters; None when absent or null."""
        value = self._of_type(name, str, "a string", required=required)
        if value is None:
            return None
        if not empty and not value:
            self.problem(name, f"{name} must not be empty")
        if longest is not None and len(value) > longest:
            self.problem(name, f"{name} must have at most {longest} characters")
        return str(value)

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of the allowed strings; None when absent or null."""
        value = self.string(name)
        if value is not None and value not in allowed:
            self.problem(name, f"{name} must be one of: {', '.join(allowed)}")
        return value

    def boolean(self, name: str, *, required: bool = False) -> bool | None:
        """A JSON true or false; None when absent or null."""
        value = self._values.get(name)
        if value is None and not required:
            return None
        if isinstance(value, bool):
            return value
        self.problem(name, f"{name} must be true or false" if name in self._values else f"{name} is required")
        return None

    def integer(self, name: str, *, least: int, most: int) -> int | None:
        """A whole number within the bounds; None when absent or null."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.problem(name, f"{name} must be a whole number from {least} to {most}")
            return None
        return value

    def mapping(self, name: str, *, required: bool = False) -> dict[str, Any] | None:
        """A JSON object; None when absent or null."""
        value: dict[str, Any] | None = self._of_type(name, dict, "an object", required=required)
        return value

    def items(self, name: str) -> list[Any] | None:
        """A JSON list; None when absent or null."""
        value: list[Any] | None = self._of_type(name, list, "a list")
        return value

    def web_url(self, name: str, *, longest: int = 2083) -> str | None:
        """An http(s) URL with a host; None when absent or null."""
        value = self.string(name)
        if value is not None and (len(value) > longest or not is_web_url(value)):
            self.problem(name, f"{name} must be an http(s) URL with a host, at most {longest} characters")
        return value

    def email(self, name: str) -> str:
        """An e-mail address, which is required."""
        value = self.string(name, longest=255, required=True)
        if value is not None and not _EMAIL.fullmatch(value):
            self.problem(name, f"{name} must be an email address")
        return value or ""

    def within(self, name: str, inner: Fields) -> None:
        """Takes over the problems of a nested object."""
        self.problems.extend(
            (f"{self._place}.{name}.{field.split('.', 1)[1]}", m) for field, m in inner.problems
        )

    def finish(self) -> None:
        """Raises the 422 that names every problem, if there is one."""
        if self.problems:
            raise unprocessable(self.problems)

    def _of_type(self, name: str, kind: type, words: str, *, required: bool = False) -> Any:
        value = self._values.get(name)
        if isinstance(value, kind):
            return value
        if value is not None:
            self.problem(name, f"{name} must be {words}")
        elif required:
            self.problem(name, f"{name} is required")
        return None


def is_web_url(text: str) -> bool:
    """Whether the text parses as an http(s) URL with a host."""
    if any(ord(c) <= 32 for c in text):
        return False
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  raises ValueError for a port that is none
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
