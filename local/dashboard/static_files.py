"""The stylesheet, the script and the icon, from memory. Their address has a digest of them in it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.types import Scope, Send

from .reply import Reply

_FOLDER = Path(__file__).with_name("static")
_TYPES = {
    "style.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@cache
def _content(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


@cache
def address(name: str) -> str:
    """Where the page finds the file; it changes with the file, which may so be kept for ever."""
    return f"/static/{name}?{hashlib.sha256(_content(name)).hexdigest()[:12]}"


async def serve(name: str, _scope: Scope, send: Send) -> None:
    """Answers with the file, or 404."""
    if name not in _TYPES:
        await Reply(404, b"Not found", "text/plain").send(send)
        return
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    await Reply(200, _content(name), _TYPES[name], kept).send(send)
