"""Where a running pool is, read out of a configuration whatever else is in it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from cueworker.supervisor.config import ConfigError, load_config
from cueworker.supervisor.config_state_dir import read_state_dir
from cueworker.supervisor.config_top import Overrides

KEY = "api_key: cue_sk_0123456789abcdef0123456789abcdef\nhandlers: {a: 'true'}\n"


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "worker_id: lamp\n",
        "state_dir: here\n",
        "state_dir: /srv/lamp\n",
        "state_dir: ~/lamp\n",
        "worker_id: 007\nstate_dir:\n",
    ],
)
def test_it_is_where_the_pool_itself_finds_it(tmp_path: Path, lines: str) -> None:
    path = tmp_path / "cueworker.yaml"
    path.write_text(lines + KEY)
    path.chmod(0o600)
    environ = {"HOME": str(tmp_path)}
    loaded = load_config(path, Overrides(), environ).settings.state_dir
    assert read_state_dir(path, environ) == loaded


@pytest.mark.parametrize("text", ["", "a list\n", "- 1\n", "handlers: 7\napi_key: [\n]\nworkers: many\n"])
def test_what_else_is_wrong_does_not_matter(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cueworker.yaml"
    path.write_text(text)
    found = read_state_dir(path, {"HOME": str(tmp_path)})
    assert found == tmp_path / ".local/state/cueworker" / socket.gethostname()


def test_a_file_that_hides_it_does(tmp_path: Path) -> None:
    path = tmp_path / "cueworker.yaml"
    path.write_text("state_dir: [\n")
    with pytest.raises(ConfigError, match=str(path)):
        read_state_dir(path, {"HOME": str(tmp_path)})
