"""Handlers that spoil, or use up, what is around them: `surroundings.py <what> [argument]`."""

import hashlib
import os
import shutil
import sys
from pathlib import Path


def flood(gigabytes: str) -> None:
    """Write that much to standard output; the last line says so."""
    chunk = b"x" * 65535 + b"\n"
    for _ in range(int(float(gigabytes) * (1 << 30)) // len(chunk)):
        os.write(1, chunk)
    print("all written")


def uproot(state_dir: str) -> None:
    """Delete the pool's state directory."""
    shutil.rmtree(state_dir)
    print("nothing left")


def digest(_: str) -> None:
    """Tell what the payload is."""
    payload = Path(os.environ["CUEAPI_PAYLOAD_FILE"]).read_bytes()
    print(len(payload), hashlib.sha256(payload).hexdigest(), "CUEAPI_PAYLOAD" in os.environ)


def wait_for(path: str) -> None:
    """Go on as soon as there is such a file."""
    import time

    while not os.path.exists(path):
        time.sleep(0.02)
    print("went on")


def fill_outcome(path: str) -> None:
    """Write an outcome to a disk that is full; go on whatever comes of it, once there is such a file."""
    wait_for(path)
    try:
        with open(os.environ["CUEAPI_OUTCOME_FILE"], "w") as file:
            file.write('{"result": "' + "r" * 1500 + '", "external_id": "tx-1"}')
    except OSError as error:
        print("no outcome written:", error.strerror)


{act.__name__: act for act in (flood, uproot, digest, wait_for, fill_outcome)}[sys.argv[1]](*sys.argv[2:])
