"""Reading what the server answered. Pure: an answer that does not parse is an error, never a success."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import MalformedAnswer, RefusedByServer, refusal_class
from .retry_after import retry_after

_LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole HTTP answer; `call` is what it answers, such as `POST /v1/cues`."""

    call: str
    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    content: bytes

    def json_object(self) -> dict[str, Any]:
        """The JSON object of a 2xx answer; raises MalformedAnswer."""
        # RecursionError: nesting deeper than Python's stack. ValueError: also bad UTF-8 and endless digits.
        try:
            value = json.loads(self.content)
        except (ValueError, RecursionError):
            raise self.malformed(f"its body of {len(self.content)} bytes is not JSON") from None
        if not isinstance(value, dict):
            raise self.malformed("its body is not a JSON object")
        return value

    def malformed(self, why: str) -> MalformedAnswer:
        """The error for a 2xx answer that does not say what it must."""
        return MalformedAnswer(
            f"{self.call} was answered with {self.status}, but {why}: whether it was done is unknown; "
            "look at the state before trying again"
        )

    def refusal(self, epoch_now: float, secret: str | None) -> RefusedByServer:
        """The error for a status of 300 or more; `secret` never gets into it, whatever the server says."""
        error = _envelope(self.content)
        message = error.get("message")
        if not isinstance(message, str) or not message:
            message = self._without_envelope()
        code = error.get("code")
        details = error.get("details")
        return refusal_class(self.status)(
            self.status,
            _one_line(code, secret) if isinstance(code, str) and code else f"http_{self.status}",
            f"{self.call}: {_one_line(message, secret)}",
            details=[row for row in details if isinstance(row, dict)] if isinstance(details, list) else None,
            request_id=self.headers.get("X-Request-Id"),
            retry_after=retry_after(self.headers, epoch_now),
        )

    def _without_envelope(self) -> str:
        if "Location" in self.headers:
            return f"the answer points to {self.headers['Location']}"
        kind = self.headers.get("Content-Type", "").partition(";")[0] or "no content type"
        return f"the answer is {len(self.content)} bytes of {kind}, not an error of the API"


def _envelope(content: bytes) -> dict[str, Any]:
    try:
        error = json.loads(content)["error"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return {}
    return error if isinstance(error, dict) else {}


def _one_line(text: str, secret: str | None) -> str:
    line = " ".join((text if secret is None else text.replace(secret, "[api key]")).split())
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"
