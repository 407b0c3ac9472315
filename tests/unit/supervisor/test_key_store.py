"""A new key is kept where the old one stood, and nothing else changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cueworker.supervisor.config import ConfigError, load_config
from cueworker.supervisor.config_account import read_account
from cueworker.supervisor.key_in_config import key_entry, with_key
from cueworker.supervisor.key_store import ConfigStore, ProfileStore, key_store
from cueworker.supervisor.private_file import replace_private

OLD = "cue_sk_0123456789abcdef0123456789abcdef"
NEW = "cue_sk_feedfacefeedfacefeedfacefeedface"
BASE = "https://cue.example.org"

LAYOUTS = {
    "plain": "# mine\napi_key: OLD\nhandlers: {say: echo hi}\n",
    "comment behind": "api_key:   OLD    # from the dashboard\nhandlers:\n    say: echo hi   # four spaces\n",
    "double quotes": 'api_key: "OLD"\nhandlers: {say: echo hi}',
    "single quotes": "handlers:\n- no\napi_key: 'OLD' # last\n",
    "last, without a line end": "worker_id: a\napi_key: OLD",
    "quoted name": "'api_key' : OLD\nx: 1\n",
    "flow": "{worker_id: a, api_key: OLD, handlers: {say: 'echo {{ payload.x }}'}}\n",
    "json": '{\n "api_key": "OLD",\n "handlers": {"say": "x"}\n}',
    "block": "api_key: |\n  OLD\nworker_id: a\n",
    "folded": "api_key: >-\n  OLD\n\n# more\nworker_id: a\n",
    "next line": "api_key:\n  # here it comes\n  OLD\nworker_id: a\n",
    "anchor": "api_key: &key OLD\nhandlers: {say: {cmd: x, env: {K: *key}}}\n",
    "alias": "x-key: &key OLD\napi_key: *key\nhandlers: {say: x}\n",
    "merged": "x-mine: &mine {api_key: OLD, worker_id: a}\n<<: *mine\nhandlers: {say: x}\n",
    "tag": "api_key: !!str OLD\nhandlers: {say: x}\n",
    "line ends of another system": "# a\r\napi_key: OLD\r\n\r\nhandlers:\r\n  say: echo hi\r\n",
    "byte order mark": "\ufeffapi_key: OLD\nhandlers: {say: x}\n",
    "letters beyond ASCII": "# Schlüssel für 🐢 und Straße\napi_key: OLD  # größer\nhandlers: {say: echo ü}\n",
    "document marks": "%YAML 1.1\n---\napi_key: OLD\n...\n",
    "long lines": f"handlers: {{say: 'echo {'word ' * 100}'}}\napi_key: OLD\n# {'comment ' * 40}\n",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_key_changes_and_not_a_byte_else(layout: str) -> None:
    assert with_key(layout.replace("OLD", OLD).encode(), NEW, "c.yaml") == layout.replace("OLD", NEW).encode()


@pytest.mark.parametrize(
    "key", ["1234567890", "null", "a: b", 'with"quotes', "with'quote", "#x", "*x", "%", "~"]
)
@pytest.mark.parametrize(
    "layout", ["api_key: OLD\n", "api_key: 'OLD'\n", 'api_key: "OLD"\n', "api_key: |\n  OLD\n"]
)
def test_a_key_of_odd_characters_is_read_as_it_was_written(layout: str, key: str) -> None:
    changed = with_key(layout.replace("OLD", OLD).encode(), key, "c.yaml").decode()
    entry = key_entry(changed, "c.yaml")
    assert entry is not None and entry.node.value.strip() == key


@pytest.mark.parametrize(
    "text", ["api_key: [a]\n", "worker_id: a\n", "api_key:\n", "- a\n", "api_key: ~\n", "a: ]"]
)
def test_a_file_without_a_key_to_change_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        with_key(text.encode(), NEW, "c.yaml")


def config(folder: Path, text: str) -> Path:
    path = folder / "cueworker.yaml"
    path.write_text(text)
    path.chmod(0o644)
    return path


def test_a_configuration_that_holds_a_key_is_where_the_next_one_goes(tmp_path: Path) -> None:
    path = config(tmp_path, f"# mine\napi_key: {OLD} # old\nhandlers: {{say: echo hi}}\n")
    store = key_store(path, {"HOME": str(tmp_path)})
    assert store == ConfigStore(path)
    store.check()
    store.save(NEW, email="a@b.example", api_base=BASE)
    assert path.read_text() == f"# mine\napi_key: {NEW} # old\nhandlers: {{say: echo hi}}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_config(path, environ={}).key_source == store.where
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    target = config(tmp_path / "etc", f"api_key: {OLD}\nhandlers: {{say: echo hi}}\n")
    link = tmp_path / "cueworker.yaml"
    link.symlink_to("etc/cueworker.yaml")
    ConfigStore(link).save(NEW, email=None, api_base=BASE)
    assert link.is_symlink() and NEW in target.read_text()


def test_others_without_a_key_go_to_the_profile(tmp_path: Path) -> None:
    path = config(tmp_path, "api_key:   # by login\nhandlers: {say: echo hi}\n")
    environ = {"HOME": str(tmp_path / "home"), "CUEAPI_PROFILE": "work"}
    store = key_store(path, environ)
    store.check()
    store.save(NEW, email="a@b.example", api_base=BASE)
    file = tmp_path / "home/.config/cueapi/credentials.json"
    assert store == ProfileStore(file, "work")
    assert json.loads(file.read_text()) == {
        "work": {"api_key": NEW, "api_base": f"{BASE}/v1", "email": "a@b.example"}
    }
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o077 == 0
    loaded = load_config(path, environ=environ)
    assert (loaded.settings.api_key, loaded.settings.api_base) == (NEW, BASE)
    assert loaded.key_source == store.where
    assert key_store(None, environ) == store


def test_other_profiles_and_other_members_stay(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    others = {"home": {"api_key": "h", "more": ["ü"]}, "odd": 3}
    file.write_text(
        json.dumps({**others, "default": {"api_key": OLD, "email": "a@b.example", "theme": "dark"}})
    )
    ProfileStore(file, "default").save(NEW, email=None, api_base=BASE)
    assert json.loads(file.read_text()) == {
        **others,
        "default": {"api_key": NEW, "email": "a@b.example", "theme": "dark", "api_base": f"{BASE}/v1"},
    }


def test_a_named_profile_is_meant_whatever_the_configuration_holds(tmp_path: Path) -> None:
    path = config(tmp_path, f"api_key: {OLD}\n")
    found = read_account(path, {"HOME": str(tmp_path)}, profile="work")
    assert isinstance(found.store, ProfileStore) and found.store.profile == "work"


def test_what_cannot_be_saved_is_known_before_the_server_is_asked(tmp_path: Path) -> None:
    broken = tmp_path / "credentials.json"
    broken.write_text("{")
    with pytest.raises(ConfigError, match="not valid JSON"):
        ProfileStore(broken, "default").check()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        ProfileStore(tmp_path / "file" / "credentials.json", "default").check()
    with pytest.raises(ConfigError, match="api_key cannot be changed"):
        ConfigStore(config(tmp_path, "api_key: [1]\n")).check()


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.mkdir()
    with pytest.raises(OSError, match="secret"):
        replace_private(file, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays_who_it_was(tmp_path: Path) -> None:
    file = tmp_path / "cueworker.yaml"
    for owner, group, mode, kept in (
        (1234, 1234, 0o644, 0o600),
        (0, 1234, 0o640, 0o640),
        (0, 0, 0o640, 0o600),
    ):
        file.write_text("old")
        os.chown(file, owner, group)
        file.chmod(mode)
        replace_private(file, b"new")
        now = file.stat()
        assert (now.st_uid, now.st_gid, now.st_mode & 0o777) == (owner, group, kept)


def test_the_account_is_read_from_an_unfinished_configuration(tmp_path: Path) -> None:
    path = config(tmp_path, f"api_base: {BASE}/v1/\nemail: a@b.example\nhandlers: 3\n")
    environ = {"HOME": str(tmp_path)}
    found = read_account(path, environ)
    assert (found.api_base, found.email) == (BASE, "a@b.example")
    with pytest.raises(ConfigError, match="no API key"):
        found.credentials()
    assert read_account(path, environ, api_base="http://127.0.0.1:9/v1").api_base == "http://127.0.0.1:9"
    found.store.save(NEW, email=None, api_base="https://other.example.org")
    assert found.credentials().api_key == NEW
    assert read_account(None, environ).api_base == "https://other.example.org"
    with pytest.raises(ConfigError, match="--api-base: must begin with"):
        read_account(path, environ, api_base="ftp://x")
