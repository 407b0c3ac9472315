"""One HTTP exchange with the server: budget, session, answer or typed error."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict

from .answers import Answer
from .budget import Budget, Reservation
from .errors import AnswerLost, BudgetExhausted, ServerUnreachable
from .failures import failure, may_be_repeated, nothing_was_sent
from .surroundings import surroundings
from .window import Priority

Timeout = float | tuple[float, float]

_KEPT_CONNECTIONS = 4
"""A process's threads (the run and its lease heartbeat; the steward's) each keep one; with fewer, every call
that overlaps another would open one anew and draw a warning in the log."""
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_NO_HEADERS: Mapping[str, str] = {}
_HOOKS = default_hooks()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is followed, nor prepared: a POST turned into a GET would lie."""
        return


class Transport:
    """A `requests` session to one server with one key (None: without, for a login). Make it after a fork, never share
    it across one.

    Threads may share it. A read timeout is for each read: a server that trickles its answer is waited for.
    """

    def __init__(self, api_key: str | None, base_url: str, timeout: Timeout, budget: Budget | None) -> None:
        self._key = None if api_key is None else header_value(api_key, "the API key")
        self.base_url = server_root(base_url)
        self._connect_timeout, self._read_timeout = (
            timeout if isinstance(timeout, tuple) else (timeout, timeout)
        )
        self._budget = budget
        self._way = surroundings(self.base_url)
        self._adapter = HTTPAdapter(pool_maxsize=_KEPT_CONNECTIONS, max_retries=0)
        self._session = _Session()
        self._session.trust_env = False
        self._session.mount(f"{urlsplit(self.base_url).scheme}://", self._adapter)
        self._headers = CaseInsensitiveDict(
            {
                **({} if self._key is None else {"Authorization": f"Bearer {self._key}"}),
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": "cueworker",
            }
        )

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        priority: Priority = Priority.LISTING,
        query: Mapping[str, Any] = _NO_HEADERS,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        wait: float = 0.0,
    ) -> Answer:
        """Send one request and return its 2xx answer; `wait` seconds are added to the read timeout.

        Raises a CueAPIError for everything else, and ValueError for a body that is not JSON (NaN, Infinity).
        """
        request = self._prepared(method, path + (f"?{urlencode(query)}" if query else ""), body, headers)
        call = f"{method} {path}"
        answer = self._exchange(request, call, priority, wait)
        if 200 <= answer.status < 300:
            return answer
        if answer.status >= 500:
            # The server closes its connection after a 500: a request on a kept one would be reset (PROTOCOL).
            self._adapter.close()
        if answer.status < 200:
            raise answer.malformed("that is not a final answer")
        raise answer.refusal(time.time(), self._key)

    def _prepared(
        self, method: str, target: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> requests.PreparedRequest:
        """A request made by hand: `Session.prepare_request` costs a third of the call's CPU time."""
        request = requests.PreparedRequest()
        request.method = method
        request.url = self.base_url + target
        request.hooks = _HOOKS
        request.headers = self._headers.copy()
        request.headers.update(headers)
        if body is not None:
            request.body = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
            request.headers["Content-Type"] = "application/json"
        if method != "GET":
            request.headers["Content-Length"] = str(len(request.body or b""))
        return request

    def _exchange(
        self, request: requests.PreparedRequest, call: str, priority: Priority, wait: float
    ) -> Answer:
        timeout = (self._connect_timeout, self._read_timeout + wait)
        try:
            return self._attempt(request, call, priority, timeout)
        except (AnswerLost, ServerUnreachable) as failed:
            if not may_be_repeated(failed.__cause__, request.method or ""):
                raise
            try:
                return self._attempt(request, call, priority, timeout)
            except BudgetExhausted:
                raise failed from failed.__cause__

    def _attempt(
        self, request: requests.PreparedRequest, call: str, priority: Priority, timeout: tuple[float, float]
    ) -> Answer:
        reservation = self._reserve(priority, sum(timeout))
        try:
            response = self._session.send(
                request,
                timeout=timeout,
                allow_redirects=False,
                stream=False,
                proxies=self._way.proxies,
                verify=self._way.verify,
                cert=None,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if nothing_was_sent(error):
                self._release(reservation)
            raise failure(error, call, self.base_url) from error
        self._settle(reservation, response)
        return Answer(call, response.status_code, response.headers, response.content or b"")

    def _reserve(self, priority: Priority, patience: float) -> Reservation | None:
        if self._budget is None:
            return None
        return self._budget.reserve(priority, time.monotonic(), patience=patience)

    def _release(self, reservation: Reservation | None) -> None:
        if self._budget is not None and reservation is not None:
            self._budget.release(reservation, time.monotonic())

    def _settle(self, reservation: Reservation | None, response: requests.Response) -> None:
        if self._budget is not None and reservation is not None:
            self._budget.settle(
                reservation,
                now=time.monotonic(),
                epoch_now=time.time(),
                status=response.status_code,
                headers=response.headers,
            )


def server_root(base_url: str) -> str:
    """`base_url` without a trailing slash or `/v1` (`api_base` in credentials ends in it).

    Raises ValueError for what is not a plain http(s) address.
    """
    root = base_url.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    try:
        parts = urlsplit(root)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    plain = parts.hostname and "@" not in parts.netloc and not parts.query and not parts.fragment
    if parts.scheme not in {"http", "https"} or not plain or not port_is_fine or re.search(r"\s", root):
        raise ValueError(
            "the API base URL must look like https://host[:port], without user, query or fragment"
        )
    return root


def path_part(text: str) -> str:
    """`text` quoted as one part of a path; raises ValueError where it would name another path."""
    if text in {"", ".", ".."}:
        raise ValueError(f"{text!r} is not an id")
    return quote(text, safe="")


def header_value(text: str, what: str) -> str:
    """`text` if it can stand in a header: printable ASCII, no blanks around it; ValueError if not."""
    if not _HEADER_VALUE.fullmatch(text):
        raise ValueError(f"{what} must be printable ASCII without blanks around it, and not empty")
    return text
