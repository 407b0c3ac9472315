"""What a form sent: texts as typed, and the problems that its page shows beside the fields."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from ..call import unstorable
from ..errors import bad_request


class Form:
    """The fields of one submitted form. Problems are collected by field, so that the page shows them all and
    keeps what was typed."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self.values = values or {}
        self.problems: dict[str, str] = {}

    @classmethod
    def parse(cls, raw: bytes) -> Form:
        """An `application/x-www-form-urlencoded` body. Raises Refused 400 for what no browser sends."""
        try:
            pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
        except ValueError as error:
            raise bad_request("invalid_form", "The form could not be read") from error
        values = dict(pairs)
        if any("\0" in text for text in values.values()):
            raise bad_request("invalid_form", "The form contains a NUL character")
        return cls({name: text.replace("\r\n", "\n") for name, text in values.items()})

    def __getitem__(self, name: str) -> str:
        """The field's text; empty when it was not sent."""
        return self.values.get(name, "")

    def text(self, name: str) -> str | None:
        """The field without the blanks around it; None when nothing is left."""
        return self[name].strip() or None

    def problem(self, name: str, message: str) -> None:
        """Notes what is wrong with the field; the first word counts."""
        self.problems.setdefault(name, message)

    def json_object(self, name: str) -> dict[str, Any] | None:
        """The field as a JSON object; None when it is empty, and when it is wrong, which is noted."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = json.loads(text)
        except RecursionError:
            self.problem(name, "This is nested too deeply")
            return None
        except ValueError as error:
            self.problem(name, f"This is not valid JSON: {error}")
            return None
        if not isinstance(value, dict):
            self.problem(name, 'This must be a JSON object, such as {"name": "Ada"}')
        elif unstorable(value):
            self.problem(name, "NUL characters, lone surrogates, NaN and Infinity cannot be stored")
        else:
            return value
        return None
