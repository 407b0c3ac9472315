"""A handler that does its worst: `hostile.py KIND`, each kind a function.

`$SECRETS` is a folder of files whose contents it must not get reported.
"""

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

OUTCOME = Path(os.environ["CUEAPI_OUTCOME_FILE"])
FOLDER = OUTCOME.parent
SECRETS = Path(os.environ["SECRETS"])


def put(text: str | bytes) -> None:
    OUTCOME.write_bytes(text if isinstance(text, bytes) else text.encode())


def put_json(**fields: object) -> None:
    put(json.dumps(fields))


def say(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def in_background(work: Callable[[int], None]) -> None:
    """Runs `work` in a child in its own session that ignores TERM, and returns once it has said so."""
    ready, said = os.pipe()
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        work(said)
        os._exit(0)
    os.read(ready, 1)


# Output.


def megabyte_of_output() -> None:
    say(b"begins\n" + b"x" * (1 << 20) + b"\nends\n")


def megabyte_of_wide_output() -> None:
    say("é".encode() * (1 << 19))


def megabyte_of_errors() -> None:
    sys.stderr.write("y" * (1 << 20) + "\nthe reason\n")
    sys.exit(1)


def nul_in_output() -> None:
    say(b"before\0after")


def output_not_utf8() -> None:
    say(b"before\xff\xfeafter")


def half_a_character() -> None:
    say("café".encode()[:-1])


def closed_output() -> None:
    os.close(1)
    os.close(2)


def output_held_open() -> None:
    def hold(said: int) -> None:
        os.write(said, b".")
        signal.pause()

    say(b"all said")
    in_background(hold)


# What the outcome file says.


def lone_surrogates() -> None:
    put('{"result": "a\\ud800b", "external_id": "\\udfff", "metadata": {"k\\udc00": ["\\udbff"]}}')


def nul_in_file() -> None:
    put_json(result="a\0b", metadata={"k": "\0"})


def wide_evidence() -> None:
    put_json(external_id="i" * 400, result_ref="r" * 400, result_type="t" * 90, summary="s" * 500)


def too_wide_evidence() -> None:
    put_json(external_id="i" * 501, result_type="t" * 101, summary="s" * 501, result_ref="kept")


def wide_metadata() -> None:
    """4 KB in the file, 12 KB as the server counts them."""
    put(json.dumps({"external_id": "kept", "metadata": {"k": "é" * 2_048}}, ensure_ascii=False))


def address_without_host() -> None:
    put_json(result_url="https:///path", external_id="kept")


def address_of_a_script() -> None:
    put_json(result_url="javascript:alert(1)", external_id="kept")


def address_of_3000_characters() -> None:
    put_json(result_url="https://example.com/" + "p" * 2_980, external_id="kept")


def forged_diagnostics() -> None:
    put_json(metadata={"k": 1, "_cueapi_worker": {"ending": "exited", "exit_code": 0}})
    sys.exit(4)


def duplicate_keys() -> None:
    put('{"success": true, "result": "first", "success": false, "error": "last"}')


def not_a_number() -> None:
    put('{"metadata": {"n": NaN, "i": Infinity, "j": -Infinity, "k": 1e999}}')


def long_integer() -> None:
    put('{"external_id": "lost", "metadata": {"n": ' + "9" * 5_000 + "}}")


def wide_integer() -> None:
    put('{"metadata": {"n": 18446744073709551616}}')


def deep_json() -> None:
    put("[" * 100_000)


def deep_json_that_fits() -> None:
    put('{"metadata": {"k": ' + "[" * 5_000 + "]" * 5_000 + "}}")


def nested_json() -> None:
    put('{"metadata": {"k": ' + "[" * 100 + "]" * 100 + "}}")


def largest_file() -> None:
    put('{"external_id": "kept"}'.ljust(10_240))


def too_large_file() -> None:
    put('{"external_id": "lost"}'.ljust(10_241))


def sparse_file() -> None:
    with OUTCOME.open("wb") as file:
        file.truncate(1 << 40)


def not_an_object() -> None:
    put('["success"]')


def half_a_file() -> None:
    put('{"external_id": "lost", "success"')


def file_not_utf8() -> None:
    put(b'{"result": "\xff"}')


# What stands in the outcome file's place.


def fifo() -> None:
    OUTCOME.unlink()
    os.mkfifo(OUTCOME)


def symbolic_link() -> None:
    OUTCOME.unlink()
    OUTCOME.symlink_to(SECRETS / "outcome.json")


def hard_link() -> None:
    OUTCOME.unlink()
    OUTCOME.hardlink_to(SECRETS / "outcome.json")


def link_to_a_device() -> None:
    OUTCOME.unlink()
    OUTCOME.symlink_to("/dev/zero")


def folder_of_secrets() -> None:
    """The file's name stays, another folder stands before it, in which there is such a file."""
    shutil.copy(SECRETS / "outcome.json", SECRETS / OUTCOME.name)
    shutil.rmtree(FOLDER)
    FOLDER.symlink_to(SECRETS)


def directory() -> None:
    OUTCOME.unlink()
    OUTCOME.mkdir()
    (OUTCOME / "file").write_text("{}")
    (OUTCOME / "closed").mkdir()
    (OUTCOME / "closed" / "file").write_text("{}")
    (OUTCOME / "closed").chmod(0)
    OUTCOME.chmod(0)


def deep_directory() -> None:
    """Deeper than Python recurses, and a path longer than the system takes."""
    OUTCOME.unlink()
    os.chdir(FOLDER)
    for name in [OUTCOME.name, *["d" * 100] * 1_500]:
        os.mkdir(name)
        os.chdir(name)


def unix_socket() -> None:
    OUTCOME.unlink()
    os.chdir(FOLDER)  # a socket's whole path may have 108 bytes
    socket.socket(socket.AF_UNIX).bind(OUTCOME.name)


def folder_removed() -> None:
    shutil.rmtree(FOLDER)


def folder_replaced_by_a_file() -> None:
    shutil.rmtree(FOLDER)
    FOLDER.write_text('{"external_id": "lost"}')


def all_folders_removed() -> None:
    shutil.rmtree(FOLDER.parent)


def all_folders_closed() -> None:
    FOLDER.parent.chmod(0)


def still_being_written() -> None:
    """A child writes on, a character at a time, until it is killed; the JSON is never complete."""

    def write(said: int) -> None:
        with OUTCOME.open("w", buffering=1) as file:
            file.write('{"external_id": "lost", "result": "\n')
            os.write(said, b".")
            while True:
                file.write("x\n")
                time.sleep(0.001)

    in_background(write)


# Endings.


def killed_by_itself() -> None:
    put_json(success=True, external_id="kept")
    os.kill(os.getpid(), signal.SIGKILL)


def exit_255() -> None:
    sys.exit(255)


def endless_output() -> None:
    while True:
        say(b"z" * 65_536)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
