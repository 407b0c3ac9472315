"""What must not be shown: values of variables that hold secrets, the API key, passwords in addresses. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ..pool.redact import Redactor
from ..pool.secret_names import is_secret, secrets_in
from ..supervisor.config_problem import mask_keys

HIDDEN = "[redacted]"
_PASSWORD_IN_ADDRESS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


class Secrets:
    """The secrets of one environment: those that a pool takes out of its logs, too."""

    def __init__(self, env: Mapping[str, str], api_key: str, named: Collection[str] = ()) -> None:
        """`named` are the configuration's `secrets:`."""
        self._named = named
        self.redactor = Redactor({api_key, *secrets_in(env, named)})
        """Takes them out of a report."""

    def variable(self, name: str, value: str) -> str:
        """A variable's value as it may be shown."""
        return HIDDEN if is_secret(name, self._named) and value else self.text(value)

    def text(self, text: str) -> str:
        """Any text as it may be shown."""
        # Also passwords that are too short to be looked for everywhere.
        return mask_keys(_PASSWORD_IN_ADDRESS.sub(rf"\1{HIDDEN}@", self.redactor.text(text)))

    def value(self, value: Any) -> Any:
        """The same for every text within a JSON value."""
        return self.redactor.value(value)
