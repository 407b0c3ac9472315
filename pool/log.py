"""Where events go: one line each on standard error, which systemd's journal or a terminal takes."""

from __future__ import annotations

import logging
import sys
import time


def to_stderr(level: str) -> None:
    """Log to standard error from now on. `level` is debug, info, warning or error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logger = logging.getLogger("cueworker")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
