"""What must not be shown: values of variables with telling names, the API key, passwords in addresses. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..supervisor.config_problem import mask_keys

HIDDEN = "[redacted]"
SHORTEST = 6
"""Shorter values are not looked for inside other texts: they occur in them by chance."""

_TELLING = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|AUTHORIZATION|COOKIE|_(KEY|PAT|AUTH|PW)$"
)
_PASSWORD_IN_ADDRESS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def is_telling(name: str) -> bool:
    """Whether a variable of this name usually holds a secret."""
    return _TELLING.search(name.upper()) is not None


class Secrets:
    """The secrets of one environment."""

    def __init__(self, env: Mapping[str, str], api_key: str) -> None:
        values = {value for name, value in env.items() if is_telling(name)} | {api_key}
        # The longest first: one may contain another.
        self._values = sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)

    def variable(self, name: str, value: str) -> str:
        """A variable's value as it may be shown."""
        return HIDDEN if is_telling(name) and value else self.text(value)

    def text(self, text: str) -> str:
        """Any text as it may be shown."""
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return mask_keys(_PASSWORD_IN_ADDRESS.sub(rf"\1{HIDDEN}@", text))

    def value(self, value: Any) -> Any:
        """The same for every text within a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list | tuple) else value
