"""A handler that gives away all that it was given, in every way there is: `blab.py <ending> [<file to wait for>]`."""

import base64
import json
import os
import shlex
import sys
import time
import urllib.parse

ending = sys.argv[1]
values = [
    value
    for name, value in os.environ.items()
    if name.startswith("SECRET_") or name in ("CUEAPI_API_KEY", "PIN")
]


def say(descriptor: int, text: str) -> None:
    os.write(descriptor, text.encode())


for name, value in os.environ.items():
    say(1, f"{name}={value}\n")
    say(2, f"export {name}={shlex.quote(value)}\n")
say(1, json.dumps(dict(os.environ)) + "\n" + repr(dict(os.environ)) + "\n")
for value in values:
    say(1, "https://example.com/?" + urllib.parse.urlencode({"key": value}) + "\n")
    say(1, base64.b64encode(value.encode()).decode() + "\n")
    # In pieces that the worker reads one by one.
    for letter in value[:3], value[3:7], value[7:]:
        say(1, letter)
        time.sleep(0.01)
    say(1, "\n" + value * 3 + value[:5] + "\n")
say(2, "Authorization: Basic aW4tYS1oZWFkZXI6YXV0aA==\r\nAUTHORIZATION: Bearer a.token.nobody.told\n")
say(1, "y" * 70000 + values[0] + "\n")

with open(os.environ["CUEAPI_OUTCOME_FILE"], "w") as file:
    everything = " and ".join(values)
    outcome = {
        "external_id": values[0],
        "result_url": "https://example.com/" + urllib.parse.quote(values[-1], safe=""),
        "result_ref": values[-1],
        "result_type": values[0][:50],
        "summary": f"Bearer a.token.nobody.told {everything}",
        "artifacts": [{"name": value, "nested": [{value: [value]}]} for value in values],
        "metadata": {"all": everything, everything: 1},
        "result": "x" * 1990 + everything,
        "error": "x" * 990 + everything,
    }
    json.dump(outcome, file)

if ending == "waits":
    open(sys.argv[2] + ".told", "w").close()
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.02)
sys.exit({"succeeds": 0}.get(ending, 3))
