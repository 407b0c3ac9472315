"""A handler that writes down what it was given, its arguments too, as JSON in `$TOLD/<execution id>`."""

import json
import os
import stat
import sys
from pathlib import Path


def open_descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        link = f"/proc/self/fd/{name}"
        if os.path.lexists(link):  # all but the listing's own
            found[name] = os.readlink(link)
    return found


def mode(path: str | Path) -> str:
    return f"{stat.S_IMODE(os.stat(path).st_mode):o}"


outcome_file = Path(os.environ["CUEAPI_OUTCOME_FILE"])
payload_file = Path(os.environ["CUEAPI_PAYLOAD_FILE"])
told = {
    "arguments": sys.argv[1:],
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "descriptors": open_descriptors(),
    "leads_its_session": os.getsid(0) == os.getpid(),
    "payload_in_file": json.loads(payload_file.read_text()),
    "modes": {
        "folder": mode(outcome_file.parent),
        "outcome_file": mode(outcome_file),
        "payload_file": mode(payload_file),
    },
}
Path(os.environ["TOLD"], os.environ["CUEAPI_EXECUTION_ID"]).write_text(json.dumps(told))
