"""Secrets taken out of bytes, texts and values before they are written anywhere. Pure.

Two passes. The first covers the known values: every byte that is part of an occurrence of one. The second covers what
looks like a credential, whoever it belongs to: what follows `Authorization:` on its line, a Bearer token, a CueAPI key.
Each covered stretch becomes `[redacted]`. Both work on UTF-8, which no replacement splits: a value begins and ends with
a whole character.
"""

from __future__ import annotations

import base64
import json
import shlex
import urllib.parse
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..outcome import Report
from ..outcome.clean import MAX_LEVELS
from .redact_known import KnownValues, KnownValuesStream
from .redact_shape import ShapesStream, any_shape_in

SHORTEST = 6
"""Characters of the shortest value that is searched for: shorter ones are words, and would be found everywhere."""

_LONGEST_INT = 512
"""Bits of the longest number that is searched: Python refuses to write far longer ones."""
_SMALLEST_INT = 10 ** (SHORTEST - 1)


def usable(secrets: Iterable[str]) -> frozenset[str]:
    """Those that are long enough to be searched for."""
    return frozenset(secret for secret in secrets if len(secret) >= SHORTEST)


class Redactor:
    """Knows some secret values. `stream` is for bytes that come in pieces; the others take the whole."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = usable(secrets)
        self._known = KnownValues(form for secret in self.secrets for form in _forms(secret))

    def stream(self) -> RedactedStream:
        """A new stream of bytes to take them out of."""
        return RedactedStream(self._known)

    def data(self, data: bytes) -> bytes:
        """`data` without them."""
        if not self._known.any_in(data) and not any_shape_in(data):
            return data
        stream = self.stream()
        return stream.feed(data) + stream.finish()

    def text(self, text: str) -> str:
        """`text` without them. Lone surrogates stay as they are."""
        if len(text) < SHORTEST:
            return text
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def value(self, value: Any, levels: int = MAX_LEVELS + 1) -> Any:
        """A JSON value without them, in its keys, texts and numbers; what holds none comes back equal.

        Not looked into: what is nested deeper than `levels`, which no report keeps (`outcome.fit`).
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool) or value is None or levels < 0:
            return value
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item, levels - 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, levels - 1) for item in value]
        if isinstance(value, float) or (isinstance(value, int) and _is_searched(value)):
            written = json.dumps(value)
            redacted = self.text(written)
            return value if redacted == written else redacted
        return value

    def report(self, report: Report) -> Report:
        """A report without them. Evidence that is a secret is none any more: better unproven than published."""
        return replace(report, **{name: self.value(value) for name, value in report.body().items()})


class RedactedStream:
    """Bytes in, bytes out, somewhat later: what may become a secret is held back until it is known not to be one.

    However the bytes are cut into pieces, all that came out in the end is the same.
    """

    def __init__(self, known: KnownValues) -> None:
        self._values = KnownValuesStream(known)
        self._shapes = ShapesStream()

    def feed(self, data: bytes) -> bytes:
        """Take in the next bytes; returns what can be shown by now."""
        return self._shapes.feed(self._values.feed(data))

    def finish(self) -> bytes:
        """No more will come; returns what was held back. May be called again."""
        return self._shapes.feed(self._values.finish()) + self._shapes.finish()


def _is_searched(number: int) -> bool:
    return abs(number) >= _SMALLEST_INT and number.bit_length() <= _LONGEST_INT


def _forms(secret: str) -> set[bytes]:
    """A value as programs print it: plain, in JSON, in Python, in a shell's `set`, in an address, in base64."""
    forms = {
        secret,
        *secret.split("\n"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        shlex.quote(secret),
        secret.replace("'", r"'\''"),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
    }
    encoded = set()
    for form in forms:
        try:
            encoded.add(form.encode())
        except UnicodeEncodeError:
            # Not UTF-8 in the environment, so not in any text either.
            continue
    plain = secret.encode("utf-8", "surrogateescape")
    # Of whole groups, too: what follows in the encoded text, if only a line break, changes the last one.
    for piece in (plain, plain[: len(plain) // 3 * 3]):
        encoded |= {base64.b64encode(piece).rstrip(b"="), base64.urlsafe_b64encode(piece).rstrip(b"=")}
    return {form for form in encoded if len(form) >= SHORTEST}
