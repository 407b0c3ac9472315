"""A handler that turns on its worker: `poison.py KILL` or `poison.py STOP`, and stays."""

import os
import signal
import sys

os.kill(os.getppid(), signal.Signals[f"SIG{sys.argv[1]}"])
signal.pause()
