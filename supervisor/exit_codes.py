"""How `cueworker-supervise` ends."""

from __future__ import annotations

OK = 0
CANNOT_BOOT = 70
"""EX_SOFTWARE: no worker could start."""
UNUSABLE = 73
"""EX_CANTCREAT: the state directory cannot be used, or the local server cannot start."""
BUSY = 75
"""EX_TEMPFAIL: another pool holds the state directory."""
INCOMPATIBLE = 76
"""Of the probe of an upgrade: this version cannot take over running workers."""
BAD_KEY = 77
"""EX_NOPERM: the server refuses the API key, and `on_auth_failure: exit` is set."""
CONFIG = 78
"""EX_CONFIG: systemd is told not to try again."""
