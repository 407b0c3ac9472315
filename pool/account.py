"""The account that the pool talks with, in shared memory: a handler may outlive the key that its worker began with.

The supervisor alone writes it, at the start and at each reload. The others read it when a key is refused (promise 6).
"""

from __future__ import annotations

import json
import mmap
import zlib

_SIZE = 8192
_HEAD = 8
_READS = 100


class Account:
    """API key and address of the server. Made before the fork."""

    def __init__(self, api_key: str, api_base: str) -> None:
        self._memory = mmap.mmap(-1, _SIZE)
        self.publish(api_key, api_base)

    def publish(self, api_key: str, api_base: str) -> None:
        """What holds from now on. Raises ValueError if it is absurdly long."""
        content = json.dumps([api_key, api_base]).encode()
        if len(content) > _SIZE - _HEAD:
            raise ValueError("API key and address do not fit into a page")
        head = len(content).to_bytes(4, "little") + zlib.crc32(content).to_bytes(4, "little")
        self._memory[: _HEAD + len(content)] = head + content

    def read(self) -> tuple[str, str] | None:
        """Key and address; None if they were being written at every try."""
        for _ in range(_READS):
            size = int.from_bytes(self._memory[:4], "little")
            content = self._memory[_HEAD : _HEAD + size]
            if zlib.crc32(content) == int.from_bytes(self._memory[4:_HEAD], "little"):
                api_key, api_base = json.loads(content)
                return api_key, api_base
        return None
