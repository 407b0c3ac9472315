"""What a pool takes out of all that it writes down about an execution: made once, asked for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import templates
from .handler import Handler
from .redact import Redactor, usable
from .secret_names import secrets_in
from .settings import Settings


class Redaction:
    """A pool's secrets: its API key, and those in the environment that handlers inherit.

    With `redact: false` nothing is taken out of handlers' output and reports; `pool` stays what it is.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._names = frozenset(settings.secrets)
        self._environ = environ
        self.pool = Redactor({settings.api_key, *secrets_in(environ, self._names)})
        """For the pool's own words."""
        self.handlers: Redactor | None = self.pool if settings.redact else None
        """For what handlers say, before anything is known of their environment. None: leave it as it is."""
        self._latest = self.pool

    def of_environment(self, handler: Handler, env: Mapping[str, str]) -> Redactor | None:
        """For what a handler says that was started with `env`."""
        return self._with({name: env[name] for name in (*handler.env, "CUEAPI_API_KEY") if name in env})

    def of_payload(self, handler: Handler | None, payload: Any) -> Redactor | None:
        """The same, when no more is known of its environment than the payload that it was made with."""
        if handler is None:
            return self.handlers
        values = payload if isinstance(payload, dict) else {}
        return self._with(
            {name: templates.render(text, values, self._environ) for name, text in handler.env.items()}
        )

    def _with(self, env: Mapping[str, str]) -> Redactor | None:
        if self.handlers is None:
            return None
        wanted = self.handlers.secrets | usable(secrets_in(env, self._names))
        if self._latest.secrets != wanted:
            # Most handlers' secrets are the same each time.
            self._latest = Redactor(wanted)
        return self._latest
