"""The account that the pool talks with, in shared memory: a handler may outlive the key that its worker began with.

The supervisor alone writes it, at the start, at each reload, and when it finds another key. The others read it when a
key is refused (promise 6), and each of them notes here that the server refuses it, or takes it again.

Layout: size of the content, its CRC, the CRC of the content that was refused (4 bytes each), the content.
"""

from __future__ import annotations

import json
import mmap
import zlib

SIZE = 8192
"""Bytes."""
LAYOUT = f"account of {SIZE}: size, crc, refused, JSON"
"""What stands where."""
_CRC, _REFUSED, _HEAD = slice(4, 8), slice(8, 12), 12
_READS = 100
_NOTHING = bytes(4)


class Account:
    """API key and address of the server. Made before the fork."""

    def __init__(self, api_key: str, api_base: str, memory: int | None = None) -> None:
        """`memory` is the descriptor of the memory to use (`memory.py`); None: memory of its own."""
        self._memory = mmap.mmap(-1 if memory is None else memory, SIZE)
        self.publish(api_key, api_base)

    def publish(self, api_key: str, api_base: str) -> None:
        """What holds from now on. Raises ValueError if it is absurdly long."""
        content = _content(api_key, api_base)
        if len(content) > SIZE - _HEAD:
            raise ValueError("API key and address do not fit into a page")
        self._memory[_HEAD : _HEAD + len(content)] = content
        self._memory[:8] = len(content).to_bytes(4, "little") + _crc(content)

    def read(self) -> tuple[str, str] | None:
        """Key and address; None if they were being written at every try."""
        for _ in range(_READS):
            size = int.from_bytes(self._memory[:4], "little")
            content = self._memory[_HEAD : _HEAD + size]
            if _crc(content) == self._memory[_CRC]:
                api_key, api_base = json.loads(content)
                return api_key, api_base
        return None

    def refuse(self, api_key: str, api_base: str) -> None:
        """The server answered 401 to this key. One that is not the pool's any more is no matter."""
        crc = _crc(_content(api_key, api_base))
        if crc == self._memory[_CRC]:
            self._memory[_REFUSED] = crc

    def accept(self, api_key: str, api_base: str) -> None:
        """The server took this key."""
        if self.is_refused and _crc(_content(api_key, api_base)) == self._memory[_REFUSED]:
            self._memory[_REFUSED] = _NOTHING

    @property
    def is_refused(self) -> bool:
        """Whether the last answer to the pool's key, as far as anybody noted, was 401. Another key clears it."""
        return self._memory[_REFUSED] == self._memory[_CRC]


def _content(api_key: str, api_base: str) -> bytes:
    return json.dumps([api_key, api_base]).encode()


def _crc(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little")
