"""Which variables hold secrets, and what a pool knows of its handlers' secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from cueworker.pool import Handler, Settings, ShellCommand
from cueworker.pool.redaction import Redaction
from cueworker.pool.secret_names import is_secret, secrets_in

KEY = "cue_sk_0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN",
        "GITHUB_TOKEN",
        "token",
        "DB_PASSWORD",
        "MYSQL_PWD",
        "STRIPE_API_KEY",
        "APIKEY",
        "MY_SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "DJANGO_SECRET_KEY",
        "SSH_PRIVATE_KEY",
        "CUEAPI_API_KEY",
        "DB_PASSWORD2",
        "TOKEN_1",
    ],
)
def test_names_that_secrets_have(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "PWD",
        "OLDPWD",
        "SSH_AUTH_SOCK",
        "DB_PASSWORD_FILE",
        "MAX_TOKENS",
        "TOKENIZERS_PARALLELISM",
        "KEYBOARD",
        "XAUTHORITY",
        "PRIMARY_KEY",
        "COMPASS",
        "GIT_ASKPASS",
        "SECRETARY",
        "TOX_TESTENV_PASSENV",
    ],
)
def test_names_that_other_things_have(name: str) -> None:
    assert not is_secret(name)
    assert is_secret(name, [name])


def test_passwords_in_addresses_are_secrets_whatever_the_name() -> None:
    env = {
        "DATABASE_URL": "postgres://me:s3cr3t-pw@db:5432/x",
        "HOME_PAGE": "https://example.com/a:b@c",
        "A": "me:x@y",
    }
    assert list(secrets_in(env)) == ["s3cr3t-pw"]


def settings(**changes: object) -> Settings:
    fields = {"api_key": KEY, "worker_id": "w", "state_dir": Path("/nonexistent"), "handlers": {}}
    return Settings(**{**fields, **changes})  # type: ignore[arg-type]


def handler(**env: str) -> Handler:
    return Handler(task="t", command=ShellCommand("true"), timeout=1, env=env)


def test_a_pool_knows_its_key_what_is_inherited_and_what_its_handlers_get() -> None:
    environ = {"INHERITED_TOKEN": "inherited-value", "MINE": "named-value", "OTHER": "plain-value"}
    redaction = Redaction(settings(secrets=("MINE", "OURS")), environ)
    assert redaction.pool.secrets == {KEY, "inherited-value", "named-value"}
    given = handler(OURS="{{ payload.x }}", PASSWORD="${INHERITED_TOKEN}-more", LEVEL="{{ payload.level }}")
    found = redaction.of_payload(given, {"x": "from-the-payload", "level": "verbose"})
    assert found is not None
    assert found.secrets - redaction.pool.secrets == {"from-the-payload", "inherited-value-more"}
    env = {
        "OURS": "from-the-payload",
        "PASSWORD": "inherited-value-more",
        "LEVEL": "verbose",
        "PATH": "/usr/bin",
    }
    again = redaction.of_environment(given, {**env, "CUEAPI_API_KEY": "a-key-given-since"})
    assert again is not None
    assert again.secrets == found.secrets | {"a-key-given-since"}
    assert redaction.of_environment(given, env) is redaction.of_environment(given, env)


def test_redact_false_leaves_handlers_alone_and_still_guards_the_pools_own_words() -> None:
    redaction = Redaction(settings(redact=False), {"A_TOKEN": "some-token"})
    assert redaction.handlers is None
    assert redaction.of_environment(handler(), {}) is None
    assert redaction.of_payload(handler(), {}) is None
    assert redaction.pool.secrets == {KEY, "some-token"}
