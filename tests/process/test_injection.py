"""Promise 4: payload text arrives whole wherever a configuration has a template, and none of it runs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pool import Pool, running, site_of
from support.site import Site
from support.waiting import until

PROGRAM = Path(__file__).parents[1] / "programs" / "tell.py"
TELL = [sys.executable, "-I", "-S", "-X", "utf8", str(PROGRAM)]
"""Writes down its arguments, its environment and its folder."""

VALUES = [
    '"; touch CANARY; echo $(touch CANARY) #',
    "'; touch CANARY; echo '",
    "; touch CANARY",
    "$(touch CANARY)",
    "`touch CANARY`",
    "$IFS&& touch CANARY ||",
    "a[$(touch CANARY)]=1",
    "$((a[$(touch CANARY)]))",
    "\ntouch CANARY\n",
    ") ; touch CANARY ; (",
    "}; touch CANARY; {",
    "| touch CANARY &",
    "> CANARY",
    "{{ payload.other }} ${CUEWORKER_T1} ${HOME}",
    "* ? [a-z] ~ {a,b} !! %s%n",
    "-rf --help -c",
    "back\\slash \\$(touch CANARY) \\",
    "  two  spaces, a\ttab, newlines at the end\n\n",
    "ünïcødé \N{GRINNING FACE} \u2028 \x01\x7f",
    "",
]

# In `cmd`: how templates stand in a word, and what the word arrives as.
WORDS: dict[str, tuple[str, Callable[[str], str]]] = {
    "unquoted": ("{{ payload.value }}", lambda value: value),
    "glued": ("--to={{ payload.value }}/{{ payload.value }}", lambda value: f"--to={value}/{value}"),
    "double-quoted": ('"say {{ payload.value }}, $GREETING"', lambda value: f"say {value}, hello"),
    "single-quoted": ("'say {{ payload.value }}, $GREETING'", lambda value: f"say {value}, $GREETING"),
    "mixed": ("a'{{ payload.value }}'\"{{ payload.value }}\"b", lambda value: f"a{value}{value}b"),
    "substitution": ('"$(printf %s. {{ payload.value }})"', lambda value: f"{value}."),
    "double-quoted in it": ('"$(printf %s. "<{{ payload.value }}>")"', lambda value: f"<{value}>."),
    "single-quoted in it": ("\"$(printf %s. '<{{ payload.value }}>')\"", lambda value: f"<{value}>."),
    "two deep": ('"$(printf %s "$(printf %s. {{ payload.value }})")"', lambda value: f"{value}."),
    "assigned": ('"$ASSIGNED"', lambda value: f"to {value}"),
    "looped over": ('"$EACH"', lambda value: value),
}
COMMAND = """
# Nor does a comment run: {{ payload.value }}
ASSIGNED="to "{{ payload.value }}
for EACH in {{ payload.value }}; do
  PROGRAM \\
    WORDS  # {{ payload.value }}
done
"""

ARGUMENTS: dict[str, Callable[[str], str]] = {
    "{{ payload.value }}": lambda value: value,
    "--to={{ payload.value }}/{{payload.value}}": lambda value: f"--to={value}/{value}",
    "'{{ payload.value }}' $(true)": lambda value: f"'{value}' $(true)",
}
"""In `argv` and `env`: templates, and what they arrive as."""


def canaries(folder: Path) -> list[Path]:
    """The files that only payload text that ran can have made."""
    return [path for path in folder.rglob("*") if path.name == "CANARY"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("injection")


@pytest.fixture(scope="module")
def pool(folder: Path) -> Iterator[Pool]:
    for name in ("told", "arena"):
        (folder / name).mkdir()
    words = " ".join(word for word, _ in WORDS.values())
    command = COMMAND.replace("PROGRAM", shlex.join(TELL)).replace("WORDS", words)
    common: dict[str, Any] = {"cwd": "arena", "env": {"TOLD": str(folder / "told"), "GREETING": "hello"}}
    variables = {f"VALUE_{number}": template for number, template in enumerate(ARGUMENTS)}
    handlers: dict[str, Any] = {
        "cmd": {**common, "cmd": command},
        "argv": {**common, "argv": [*TELL, *ARGUMENTS]},
        "env": {
            **common,
            "cmd": shlex.join(TELL) + ' "$VALUE_0"',
            "env": {**common["env"], **variables},
        },
        "cwd": {**common, "argv": TELL, "cwd": "arena/{{ payload.value }}"},
        "pasted": {**common, "cmd": ": {{ payload.value }}", "templates": "paste"},
    }
    with running(Pool(folder, handlers)) as pool:
        yield pool


@pytest.fixture(scope="module")
def site(pool: Pool) -> Iterator[Site]:
    with site_of(pool, "pasted") as site:
        yield site


def told(pool: Pool, site: Site, execution: str) -> dict[str, Any]:
    """What the handler of an execution got, which must have succeeded and have said nothing else."""
    found = site.recorded(execution)
    assert (found["status"], found["outcome"]["result"]) == ("success", "completed"), found["outcome"]
    said = json.loads((pool.folder / "told" / execution).read_text())
    assert isinstance(said, dict)
    return said


@pytest.mark.parametrize("value", VALUES)
def test_a_value_arrives_whole_and_nothing_runs(pool: Pool, site: Site, value: str) -> None:
    payload = {"value": value, "other": "touch CANARY"}
    cmd, argv, env = (site.fire(task, payload) for task in ("cmd", "argv", "env"))
    expected = {name: expect(value) for name, (_, expect) in WORDS.items()}
    assert dict(zip(WORDS, told(pool, site, cmd)["arguments"], strict=True)) == expected
    whole = [expect(value) for expect in ARGUMENTS.values()]
    assert told(pool, site, argv)["arguments"] == whole
    through_env = told(pool, site, env)
    assert [through_env["environment"][f"VALUE_{number}"] for number in range(len(ARGUMENTS))] == whole
    assert through_env["arguments"] == [value]
    assert canaries(pool.folder) == []


@pytest.mark.parametrize("value", [value for value in VALUES if value.strip()])
def test_a_folder_with_a_hostile_name_is_gone_into(pool: Pool, site: Site, value: str) -> None:
    named = pool.folder / "arena" / value
    named.mkdir()
    execution = site.fire("cwd", {"value": value})
    assert told(pool, site, execution)["folder"] == str(named)
    assert canaries(pool.folder) == []


def test_a_folder_that_is_missing_is_named_and_nothing_runs(pool: Pool, site: Site) -> None:
    value = "gone; touch CANARY; $(touch CANARY)"
    found = site.recorded(site.fire("cwd", {"value": value}))
    assert found["status"] == "failed"
    assert found["outcome"]["error"].startswith(f"could not start: cwd {pool.folder}/arena/{value}: ")
    assert canaries(pool.folder) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"$(touch CANARY)": ["`touch CANARY`", "'"]}, '{"$(touch CANARY)":["`touch CANARY`","\'"]}'),
        (["; touch CANARY"], '["; touch CANARY"]'),
        (1.5, "1.5"),
        (True, "True"),
        (None, ""),
    ],
)
def test_what_is_no_text_arrives_as_text(pool: Pool, site: Site, value: object, text: str) -> None:
    cmd, argv = (site.fire(task, {"value": value}) for task in ("cmd", "argv"))
    expected = {name: expect(text) for name, (_, expect) in WORDS.items()}
    assert dict(zip(WORDS, told(pool, site, cmd)["arguments"], strict=True)) == expected
    assert told(pool, site, argv)["arguments"] == [expect(text) for expect in ARGUMENTS.values()]
    assert canaries(pool.folder) == []


@pytest.mark.parametrize("name", ['"; touch CANARY; $(touch CANARY) #', "$(touch CANARY)\n`touch CANARY`"])
def test_a_hostile_name_of_a_cue_arrives_whole(pool: Pool, site: Site, name: str) -> None:
    cue = site.api.cues.create(name, at="2099-01-01T00:00:00Z", payload={"task": "argv", "value": ""})
    execution = site.api.cues.fire(cue["id"])["id"]
    assert told(pool, site, execution)["environment"]["CUEAPI_CUE_NAME"] == name
    assert canaries(pool.folder) == []


def test_the_canary_is_seen_where_payloads_are_pasted(pool: Pool, site: Site) -> None:
    """The old behaviour, by its switch: it shows that these tests would notice."""
    execution = site.fire("pasted", {"value": "; touch CANARY"})
    assert site.recorded(execution)["status"] == "success"
    made = until(lambda: canaries(pool.folder), "the canary")
    assert made == [pool.folder / "arena" / "CANARY"]
    made[0].unlink()
