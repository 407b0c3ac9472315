"""The one clock that leases, deadlines and beats are measured on.

It must go on during suspend: a laptop that slept for an hour has lost its leases, and CLOCK_MONOTONIC stops there.
"""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Seconds since boot, suspend included (CLOCK_BOOTTIME; CLOCK_MONOTONIC where there is none)."""
    return time.clock_gettime(_CLOCK)
