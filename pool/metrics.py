"""Serving metrics and health for as long as the steward lives, whatever happens."""

from __future__ import annotations

import threading
import time

from .events import emit
from .settings import Listen
from .shared import Shared
from .vitals import Vitals

RETRY_EVERY = 1.0
"""Seconds between two tries: the port may be the last steward's for a moment, or somebody else's for long."""


def serve(listen: Listen, shared: Shared, vitals: Vitals, worker_id: str) -> None:
    """Begin to serve, in threads that end with the process. Never raises."""
    threading.Thread(
        target=_serve, args=(listen, shared, vitals, worker_id), name="metrics", daemon=True
    ).start()


def _serve(listen: Listen, shared: Shared, vitals: Vitals, worker_id: str) -> None:
    told = False
    while True:
        try:
            # Loaded here: it takes 15 MB and 0.1 s, for which the first listing must not wait.
            from .metrics_server import MetricsServer, pages_of

            with MetricsServer(listen, pages_of(shared, vitals, worker_id)) as server:
                emit("metrics.listening", url=server.url)
                server.serve_forever()
        except Exception as error:
            # Not only a port that is taken: nothing that goes wrong in here may stop the steward's work.
            if not told:
                emit(
                    "metrics.unavailable",
                    listen=listen,
                    reason=getattr(error, "strerror", None) or repr(error),
                )
            told = True
            time.sleep(RETRY_EVERY)
