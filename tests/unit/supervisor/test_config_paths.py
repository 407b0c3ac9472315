"""The state directory's default, and `~`."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from cueworker.supervisor.config import Overrides, load_config
from cueworker.supervisor.config_paths import default_state_dir, expand_home, home


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/h"}, "/h/.local/state/cueworker/w"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/s/cueworker/w"),
        ({"HOME": "/h", "XDG_STATE_HOME": "s"}, "/h/.local/state/cueworker/w"),
        ({"HOME": "/h", "STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}, "/var/lib/one"),
        ({"HOME": "/h", "STATE_DIRECTORY": ""}, "/h/.local/state/cueworker/w"),
    ],
)
def test_the_default_state_directory(environ: dict[str, str], expected: str) -> None:
    assert default_state_dir("w", environ) == Path(expected)


@pytest.mark.parametrize("worker_id", [".", "..", "../../etc", "a/b", "~", "x" * 255, "%2F", "/" * 255])
def test_every_worker_id_is_one_folder(worker_id: str) -> None:
    parent = Path("/s/cueworker")
    found = default_state_dir(worker_id, {"XDG_STATE_HOME": "/s"})
    assert Path(os.path.normpath(found)) == found
    assert found.parent == parent
    assert len(found.name) <= 255


def test_worker_ids_do_not_share_a_folder() -> None:
    ids = ["a/b", "a%2Fb", "a_b", "x" * 255, "x" * 254, "x" * 254 + "y", ".", "%2E"]
    folders = {default_state_dir(worker_id, {"HOME": "/h"}) for worker_id in ids}
    assert len(folders) == len(ids)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("state", "{folder}/state"), ("~/state", "/h/state"), ("/var/state", "/var/state"), ("~", "/h")],
)
def test_the_configured_state_directory(tmp_path: Path, written: str, expected: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"state_dir: {written if written != '~' else repr(written)}\nhandlers: {{a: b}}\n")
    environ = {"HOME": "/h", "STATE_DIRECTORY": "/var/lib/one", "CUEAPI_API_KEY": "k"}
    assert load_config(path, Overrides(), environ).settings.state_dir == Path(
        expected.format(folder=tmp_path)
    )


def test_an_option_for_the_state_directory_is_relative_to_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "deep" / "c.yaml"
    path.parent.mkdir()
    path.write_text("handlers: {a: b}\n")
    loaded = load_config(path, Overrides(state_dir=Path("s")), {"HOME": "/h", "CUEAPI_API_KEY": "k"})
    assert loaded.settings.state_dir == tmp_path / "s"


def test_home_without_a_variable() -> None:
    mine = pwd.getpwuid(os.getuid())
    assert home({}) == home({"HOME": "relative"}) == Path(mine.pw_dir)
    assert expand_home(f"~{mine.pw_name}/x", {"HOME": "/h"}) == f"{mine.pw_dir}/x"
    assert expand_home("a~", {"HOME": "/h"}) == "a~"
