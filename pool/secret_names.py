"""Which variables of an environment hold secrets, by their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

_USUAL = re.compile(
    r"(.*_)?(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|AUTHORIZATION"
    r"|SECRET_?KEY|(API|ACCESS|PRIVATE|SIGNING|ENCRYPTION|MASTER|ACCOUNT)_?KEY)(_?[0-9]+)?"
    r"|.*_PWD",
    re.IGNORECASE,
)
_PASSWORD_IN_ADDRESS = re.compile(r"://[^/@\s:]*:([^@/\s]+)@")


def is_secret(name: str, named: Collection[str] = ()) -> bool:
    """Whether the variable `name` holds a secret: it is among the `named` ones, or called like one.

    `GITHUB_TOKEN`, `DB_PASSWORD`, `STRIPE_API_KEY` are; `DB_PASSWORD_FILE`, `SSH_AUTH_SOCK`, `MAX_TOKENS` are not.
    """
    return name in named or _USUAL.fullmatch(name) is not None


def secrets_in(env: Mapping[str, str], named: Collection[str] = ()) -> Iterator[str]:
    """The secret values of `env`, and the passwords in addresses such as `postgres://me:password@host/`."""
    for name, value in env.items():
        if is_secret(name, named):
            yield value
        elif "://" in value:
            yield from _PASSWORD_IN_ADDRESS.findall(value)
