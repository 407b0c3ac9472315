"""The program between a worker and a handler with a limit of its own: sets RLIMIT_DATA, becomes the handler.

Run by path, without site-packages: `limited_start.py BYTES DESCRIPTOR LC_CTYPE PROGRAM [ARGUMENT…]`. A limit cannot be
set in the child before its program begins (threads), nor from outside after that (its first children would have none).
What goes wrong is written to the descriptor as `errno`; nothing there means that the handler runs.
"""

import errno
import os
import resource
import signal
import sys


def main() -> None:
    """Never returns."""
    data, report, locale, *argv = sys.argv[1:]
    os.set_inheritable(int(report), False)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = int(data) if hard == resource.RLIM_INFINITY else min(int(data), hard)
    env = dict(os.environ)
    # Python sets it for itself in a C locale (PEP 538).
    env.pop("LC_CTYPE", None)
    if locale.startswith("="):
        env["LC_CTYPE"] = locale[1:]
    for signum in (signal.SIGPIPE, signal.SIGXFSZ):
        # Python ignores them, and what is ignored stays so across exec.
        signal.signal(signum, signal.SIG_DFL)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        os.execvpe(argv[0], argv, env)
    except (OSError, MemoryError) as error:
        os.write(int(report), b"%d" % (getattr(error, "errno", None) or errno.ENOMEM))
        os._exit(127)


if __name__ == "__main__":
    main()
