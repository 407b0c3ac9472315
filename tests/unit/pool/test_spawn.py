"""Starting a handler's process: the same program, environment and errors, whatever it is confined in."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from cueworker.pool.confinement import FREE, Confinement
from cueworker.pool.invocation import Invocation
from cueworker.pool.limits import Enforcement
from cueworker.pool.prctl import IS_LINUX
from cueworker.pool.spawn import spawn

TELL = """
grep -E '^Sig(Ign|Blk)' /proc/self/status
ls /proc/self/fd
echo $(($$ == $(cut -d' ' -f6 /proc/$$/stat)))
ulimit -d
"""
# Names that a shell in between would drop or add to; a C locale, in which Python sets LC_CTYPE.
ENV = {"PATH": os.environ["PATH"], "LANG": "C", "odd.name": "1", "X": "a b\n$(c)\N{SNOWMAN}"}
LIMITED = Confinement(enforcement=Enforcement(data=512 * 1024**2))
CONFINEMENTS = pytest.mark.parametrize("confinement", [FREE, LIMITED], ids=["free", "limited"])

pytestmark = pytest.mark.skipif(not IS_LINUX, reason="RLIMIT_DATA means something on Linux alone")


def run(
    argv: tuple[str, ...], confinement: Confinement, env: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """The exit code and output of a program."""
    reader, writer = os.pipe()
    try:
        process = spawn(Invocation(argv, env or ENV, None), confinement, writer, writer)
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as file:
        output = file.read()
    return process.wait(), output


def test_a_limited_program_is_started_as_a_free_one_is() -> None:
    # `env`, not Python itself: that one would set LC_CTYPE again.
    for env in (ENV, {**ENV, "LC_CTYPE": "C"}, {**ENV, "LC_CTYPE": "en_US.UTF-8"}):
        free, limited = (run(("env", "-0"), confinement, env)[1] for confinement in (FREE, LIMITED))
        assert sorted(free.split(b"\0")) == sorted(limited.split(b"\0"))
    free, limited = (run(("sh", "-c", TELL), c)[1].split() for c in (FREE, LIMITED))
    assert limited.pop() == b"524288"  # KiB
    assert free.pop() != b"524288"
    assert limited == free
    assert free[-1] == b"1", "a session of its own"


def test_the_limit_holds_for_children_too() -> None:
    hungry = "x = bytearray(900 * 1024 ** 2)"
    code, output = run(("sh", "-c", f"{sys.executable} -c '{hungry}'"), LIMITED)
    assert code == 1
    assert b"MemoryError" in output


@CONFINEMENTS
def test_what_cannot_be_started_is_an_error_and_no_exit_code(
    confinement: Confinement, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("no program\n")
    for argv, error in ((("no-such-program",), FileNotFoundError), ((str(script),), PermissionError)):
        with pytest.raises(error):
            run(argv, confinement)
    script.chmod(0o755)
    with pytest.raises(OSError, match="Exec format error"):
        run((str(script),), confinement)


@CONFINEMENTS
def test_a_program_that_is_killed_at_once_is_no_error(confinement: Confinement) -> None:
    assert run(("sh", "-c", "kill -9 $$"), confinement)[0] == -signal.SIGKILL


def test_a_handler_offers_itself_to_the_out_of_memory_killer() -> None:
    own = int(Path("/proc/self/oom_score_adj").read_text())
    code, output = run(("sh", "-c", "sleep 0.1; cat /proc/self/oom_score_adj"), FREE)
    assert (code, int(output)) == (0, max(own, 500))
