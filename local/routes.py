"""Which path leads to which handler. Literal paths stand before those with a parameter."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from . import routes_account as account
from . import routes_auth as auth
from . import routes_cues as cues
from . import routes_executions as executions
from . import routes_keys as keys
from .app import Endpoint, Handler
from .site import Site

_EXECUTION = "/v1/executions/{id}"


class _Anything(Convertor[str]):
    """The rest of a path, slashes and line ends included: both may be in a worker's id."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", _Anything())

_KEYED: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v1/executions/claimable", executions.claimable),
    ("POST", f"{_EXECUTION}/claim", executions.claim),
    ("POST", f"{_EXECUTION}/heartbeat", executions.heartbeat),
    ("POST", f"{_EXECUTION}/outcome", executions.outcome),
    ("POST", "/v1/executions/claim", executions.claim_next),
    ("GET", "/v1/executions", executions.listing),
    ("GET", _EXECUTION, executions.detail),
    ("PATCH", f"{_EXECUTION}/evidence", executions.evidence),
    ("POST", f"{_EXECUTION}/verify", executions.verify),
    ("POST", f"{_EXECUTION}/verification-pending", executions.verification_pending),
    ("POST", f"{_EXECUTION}/replay", executions.replay),
    ("POST", "/v1/worker/heartbeat", account.worker_heartbeat),
    ("GET", "/v1/workers", account.list_workers),
    ("DELETE", "/v1/workers/{id:anything}", account.delete_worker),
    ("POST", "/v1/cues/{id}/fire", cues.fire_cue),
    ("POST", "/v1/cues", cues.create_cue),
    ("GET", "/v1/cues", cues.list_cues),
    ("GET", "/v1/cues/{id}", cues.get_cue),
    ("PATCH", "/v1/cues/{id}", cues.update_cue),
    ("DELETE", "/v1/cues/{id}", cues.delete_cue),
    ("GET", "/v1/usage", account.get_usage),
    ("GET", "/v1/alerts", account.list_alerts),
    ("GET", "/v1/auth/me", auth.whoami),
    ("GET", "/v1/auth/key", auth.reveal_key),
    ("POST", "/v1/auth/key/regenerate", auth.regenerate_key),
    ("GET", "/v1/auth/keys", keys.list_keys),
    ("POST", "/v1/auth/keys", keys.make_key),
    ("DELETE", "/v1/auth/keys/{id}", keys.revoke_key),
    ("GET", "/v1/auth/logins", keys.list_logins),
    ("POST", "/v1/auth/logins/{code}/approve", keys.approve_login),
    ("POST", "/v1/auth/logins/{code}/deny", keys.deny_login),
)
_OPEN: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/health", account.health),
    ("POST", "/v1/auth/register", account.register),
    ("POST", "/v1/auth/device-code", auth.device_code),
    ("POST", "/v1/auth/device-code/submit-email", auth.submit_email),
    ("POST", "/v1/auth/device-code/poll", auth.poll),
    ("POST", "/v1/auth/session", auth.session),
)
ENDPOINTS: tuple[tuple[str, str, bool], ...] = tuple(
    (method, path, needs_key)
    for needs_key, table in ((True, _KEYED), (False, _OPEN))
    for method, path, _ in table
)
"""Method, path, and whether it needs a key: every endpoint of the API, for whoever must leave none out."""


def build_routes(site: Site) -> list[Route]:
    """Every endpoint of the site."""
    return [
        Route(path, Endpoint(site, handler, needs_key=needs_key), methods=[method])
        for needs_key, table in ((True, _KEYED), (False, _OPEN))
        for method, path, handler in table
    ]
