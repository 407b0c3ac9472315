"""Where the file is found when none is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from cueworker.supervisor.config import MINIMAL, NoConfig, Overrides, find_config, load_config

PLACES = (
    "here/cueworker.yaml",
    "here/cueapi-worker.yaml",
    "home/.config/cueapi/cueworker.yaml",
    "home/.config/cueapi/cueapi-worker.yaml",
)


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("handlers: {a: b}\n")
    return path


def test_the_first_of_the_search_path_wins(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path / "home")}
    for place in reversed(PLACES):
        path = write(tmp_path / place)
        assert find_config(None, environ, tmp_path / "here") == path


def test_the_folder_for_configuration_may_be_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path / "xdg/cueapi/cueapi-worker.yaml")
    write(tmp_path / PLACES[2])
    environ = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert find_config(None, environ, tmp_path) == path
    relative = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": "xdg"}
    assert find_config(None, relative, tmp_path) == tmp_path / PLACES[2]


def test_a_named_file_wins_even_if_it_does_not_exist(tmp_path: Path) -> None:
    write(tmp_path / "here/cueworker.yaml")
    here = tmp_path / "here"
    environ = {"HOME": str(tmp_path), "CUEWORKER_CONFIG": "~/other.yaml"}
    assert find_config(None, environ, here) == tmp_path / "other.yaml"
    assert find_config(Path("x.yaml"), environ, here) == here / "x.yaml"
    assert find_config(Path("/x.yaml"), environ, here) == Path("/x.yaml")
    assert find_config(None, environ | {"CUEWORKER_CONFIG": ""}, here) == here / "cueworker.yaml"


def test_a_broken_link_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "cueworker.yaml").symlink_to("gone")
    write(tmp_path / "cueapi-worker.yaml")
    assert find_config(None, {"HOME": "/"}, tmp_path) == tmp_path / "cueworker.yaml"


@pytest.mark.skipif(Path("/etc/cueworker/cueworker.yaml").exists(), reason="this machine has a configuration")
def test_no_file_anywhere_lists_the_places_and_an_example(tmp_path: Path) -> None:
    with pytest.raises(NoConfig) as caught:
        find_config(None, {"HOME": str(tmp_path / "home")}, tmp_path / "here")
    text = str(caught.value)
    for place in ("$CUEWORKER_CONFIG", *(str(tmp_path / place) for place in PLACES)):
        assert place in text
    assert "/etc/cueworker/cueworker.yaml" in text
    assert "handlers:\n" in text
    assert caught.value.exit_code == 78


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "cueworker.yaml"
    path.touch(mode=0o600)
    path.write_text(MINIMAL)
    loaded = load_config(path, Overrides(), {"HOME": str(tmp_path)})
    assert (loaded.warnings, loaded.refused, len(MINIMAL.splitlines())) == ((), (), 6)
