"""Where the API key comes from, and that no message shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cueworker.supervisor.config import ConfigError, Overrides, load_config
from cueworker.supervisor.config_problem import Place
from cueworker.supervisor.credentials import resolve_api_key

SECRET = "cue_sk_feedfacefeedfacefeedfacefeedface"


def log_in(home: Path, profiles: Any, mode: int = 0o600) -> Path:
    path = home / ".config/cueapi/credentials.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(profiles if isinstance(profiles, str) else json.dumps(profiles))
    path.chmod(mode)
    return path


def test_the_order_of_sources(tmp_path: Path) -> None:
    path = log_in(tmp_path, {"default": {"api_key": "login", "api_base": "https://cue.example.org/v1"}})
    environ = {"HOME": str(tmp_path), "CUEAPI_API_KEY": "variable\n"}
    found = resolve_api_key("file", environ, override="option", file="c.yaml")
    assert (found.api_key, found.source, found.api_base) == ("option", "the command line", None)
    found = resolve_api_key("file", environ, file="c.yaml")
    assert (found.api_key, found.source, found.api_base) == ("file", "api_key in c.yaml", None)
    found = resolve_api_key(None, environ)
    assert (found.api_key, found.source, found.api_base) == ("variable", "CUEAPI_API_KEY", None)
    found = resolve_api_key(" ", environ | {"CUEAPI_API_KEY": " "})
    assert (found.api_key, found.api_base) == ("login", "https://cue.example.org")
    assert found.source == f"{path}, profile default"
    assert found.warnings == ()


def test_a_credential_of_systemds(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "CUEAPI_API_KEY": "variable"}
    # A unit may load other credentials, or none.
    assert resolve_api_key(None, environ).api_key == "variable"
    credential = tmp_path / "api_key"
    credential.write_text("loaded\n")
    found = resolve_api_key(None, environ)
    assert (found.api_key, found.source) == ("loaded", "systemd's credential api_key")
    assert resolve_api_key("file", environ).api_key == "file"
    credential.write_text("\n")
    with pytest.raises(ConfigError, match="this credential is empty"):
        resolve_api_key(None, environ)
    credential.unlink()
    credential.mkdir()
    with pytest.raises(ConfigError, match="is a directory"):
        resolve_api_key(None, environ)


def test_profiles(tmp_path: Path) -> None:
    log_in(
        tmp_path, {"default": {"api_key": "a"}, "work": {"api_key": "b", "email": "x", "more": [1]}, "bad": 3}
    )
    environ = {"HOME": str(tmp_path), "CUEAPI_PROFILE": "work"}
    assert resolve_api_key(None, environ).api_key == "b"
    assert resolve_api_key(None, environ | {"CUEAPI_PROFILE": ""}).api_key == "a"
    with pytest.raises(ConfigError, match="has no profile 'home'"):
        resolve_api_key(None, environ | {"CUEAPI_PROFILE": "home"})


def test_another_folder_for_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "xdg/cueapi"
    folder.mkdir(parents=True)
    (folder / "credentials.json").write_text('{"default": {"api_key": "a"}}')
    found = resolve_api_key(None, {"HOME": "/", "XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert found.api_key == "a"


def test_no_key_names_the_places_and_the_way_without_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_api_key(None, {"HOME": str(tmp_path)}, file="c.yaml", place=Place(1, 1))
    text = str(caught.value)
    assert text.startswith("c.yaml:1:1: no API key")
    places = ("api_key in this file", "CUEAPI_API_KEY", str(tmp_path / ".config/cueapi/credentials.json"))
    assert all(place in text for place in (*places, "--local"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{\n  nope", "2:3: not valid JSON"),
        ("", "1:1: not valid JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[1]", "must hold an object of profiles"),
        ({"default": [SECRET]}, "profile 'default' must be an object"),
        (
            {"default": {"api_key": 5}},
            "profile 'default' must be an object whose api_key and api_base are text",
        ),
        ({"default": {"api_key": SECRET, "api_base": [1]}}, "profile 'default' must be an object"),
        (
            {"default": {"api_key": SECRET, "api_base": "cue"}},
            "api_base of profile 'default' must begin with",
        ),
        ({"default": {"api_key": SECRET + " x"}}, "the API key holds spaces"),
        ({"default": {"api_key": SECRET + "\ud800"}}, "the API key holds spaces"),
        ({"default": {"api_key": ""}}, "no API key"),
        ({"default": {"email": "x"}}, "no API key"),
    ],
)
def test_a_broken_login(tmp_path: Path, content: Any, expected: str) -> None:
    log_in(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        resolve_api_key(None, {"HOME": str(tmp_path)})
    assert expected in str(caught.value)
    assert SECRET not in str(caught.value)
    resolve_api_key("not-needed", {"HOME": str(tmp_path)})


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    log_in(tmp_path, {}).write_bytes(b'{"default": {"api_key": "\xff"}}')
    with pytest.raises(ConfigError, match="0xff is not UTF-8"):
        resolve_api_key(None, {"HOME": str(tmp_path)})


def test_a_login_that_others_can_read_draws_a_warning(tmp_path: Path) -> None:
    path = log_in(tmp_path, {"default": {"api_key": "a"}}, mode=0o644)
    (warning,) = resolve_api_key(None, {"HOME": str(tmp_path)}).warnings
    assert (warning.file, warning.remedy) == (str(path), f"chmod 600 {path}")


def test_the_server_of_a_login_goes_with_its_key(tmp_path: Path) -> None:
    log_in(tmp_path, {"default": {"api_key": "a", "api_base": "https://cue.example.org/v1/"}})
    path = tmp_path / "c.yaml"
    path.write_text("handlers: {a: b}\n")
    environ = {"HOME": str(tmp_path)}
    assert load_config(path, Overrides(), environ).settings.api_base == "https://cue.example.org"
    other = load_config(path, Overrides(), environ | {"CUEAPI_API_KEY": "b"})
    assert other.settings.api_base == "https://api.cueapi.ai"
    path.write_text("api_base: https://own.example.org\nhandlers: {a: b}\n")
    assert load_config(path, Overrides(), environ).settings.api_base == "https://own.example.org"


def test_a_broken_login_is_shown_with_the_files_own_problems(tmp_path: Path) -> None:
    log_in(tmp_path, "nope")
    path = tmp_path / "c.yaml"
    path.write_text("workers: 0\nhandlers: {a: b}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, Overrides(), {"HOME": str(tmp_path)})
    first, second = caught.value.problems
    assert (first.file, first.line) == (str(path), 1)
    assert second.file.endswith("credentials.json")


def test_no_repr_shows_a_key(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"api_key: {SECRET}\nhandlers: {{a: b}}\n")
    loaded = load_config(path, Overrides(api_key=SECRET), {"HOME": str(tmp_path)})
    shown = [loaded, resolve_api_key(SECRET, {}), Overrides(api_key=SECRET), loaded.settings]
    assert SECRET not in repr(shown)
