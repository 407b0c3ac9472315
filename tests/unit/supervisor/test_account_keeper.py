"""Another key for a running pool: found on the disk, or brought by a login; and what is said of it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from cueworker.pool.account import Account
from cueworker.pool.offers import Notices
from cueworker.supervisor.account_keeper import LOOK_EVERY, SURE_AFTER, AccountKeeper
from cueworker.supervisor.config import load_config
from cueworker.supervisor.keys_of_pool import KeysOfPool

OLD, NEW = "cue_sk_" + "0" * 32, "cue_sk_" + "1" * 32
BASE = "https://cue.example.org"
HANDLERS = "handlers: {say: echo hi}\n"


class Keeper:
    """A keeper of a pool that has the key OLD, with the files of a folder; its time is its own."""

    def __init__(self, folder: Path, config: str, log: pytest.LogCaptureFixture, **environ: str) -> None:
        self.path = folder / "cueworker.yaml"
        self.write(config)
        self.environ = {"HOME": str(folder), **environ}
        self.account = Account(OLD, BASE)
        self.approved, self.listing, self.courier = Notices(), Notices(), Notices()
        keys = KeysOfPool(lambda: load_config(self.path, environ=self.environ), self.path, self.environ)
        self.keeper = AccountKeeper(self.account, self.approved, (self.listing, self.courier), keys)
        self._log = log
        self._now = 1000.0
        log.set_level(logging.DEBUG, "cueworker")

    def write(self, config: str) -> None:
        self.path.touch(0o600)
        self.path.write_text(config)

    def look(self, after: float = 0.0) -> bool:
        self._now += after
        return self.keeper.look(self._now)

    def refuse(self) -> None:
        self.account.refuse(*(self.account.read() or ("", "")))

    def said(self) -> list[str]:
        """The events since the last call."""
        names = [str(record.__dict__["event"]) for record in self._log.records]
        self._log.clear()
        return names

    def told(self) -> list[list[str]]:
        return [[notice["kind"] for notice in notices.drain()] for notices in (self.listing, self.courier)]


CONFIG = f"api_key: {OLD}\napi_base: {BASE}\n{HANDLERS}"


def test_one_refusal_is_not_yet_a_bad_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper(tmp_path, CONFIG, caplog)
    keeper.refuse()
    assert not keeper.look() and not keeper.look(SURE_AFTER - 0.1)
    keeper.account.accept(OLD, BASE)
    assert not keeper.look(0.2)
    keeper.refuse()
    assert not keeper.look()
    assert keeper.said() == []
    assert keeper.look(SURE_AFTER) and keeper.look(100)
    assert keeper.said() == ["account.refused"]
    keeper.account.accept(OLD, BASE)
    assert not keeper.look()
    assert keeper.said() == ["account.accepted"]


def test_a_reload_with_another_key_says_nothing_of_the_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path, CONFIG, caplog)
    keeper.refuse()
    keeper.look()
    assert keeper.look(SURE_AFTER)
    keeper.account.publish(NEW, BASE)
    assert not keeper.look()
    assert keeper.said() == ["account.refused"]


def test_a_key_that_was_changed_before_anybody_was_refused_is_found_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path, CONFIG.replace(OLD, NEW), caplog)
    keeper.refuse()
    assert not keeper.look()
    assert keeper.account.read() == (NEW, BASE)
    assert keeper.said() == ["account.changed"] and keeper.told() == [["account"], ["account"]]


def test_a_key_that_is_changed_later_is_found_within_a_look(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path, CONFIG, caplog)
    keeper.refuse()
    keeper.look()
    assert keeper.look(SURE_AFTER)
    keeper.write(CONFIG.replace(OLD, NEW))
    assert not keeper.look(LOOK_EVERY)
    assert keeper.said() == ["account.refused", "account.changed"]
    keeper.refuse()
    assert not keeper.look(LOOK_EVERY), "the new one may be good"
    assert keeper.look(SURE_AFTER)
    assert keeper.said() == ["account.refused"]


def test_a_login_elsewhere_is_found_with_its_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper(tmp_path, HANDLERS, caplog)
    credentials = tmp_path / ".config/cueapi/credentials.json"
    credentials.parent.mkdir(parents=True)
    keeper.refuse()
    assert not keeper.look()
    assert keeper.look(SURE_AFTER)
    credentials.write_text(
        f'{{"default": {{"api_key": "{NEW}", "api_base": "https://other.example.org/v1"}}}}'
    )
    assert not keeper.look(LOOK_EVERY)
    assert keeper.account.read() == (NEW, "https://other.example.org")
    assert keeper.said() == ["account.unreadable", "account.refused", "account.changed"]


def test_a_broken_file_is_told_of_once_and_the_key_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path, CONFIG, caplog)
    keeper.refuse()
    keeper.look()
    keeper.write("handlers: [")
    for _ in range(3):
        keeper.look(LOOK_EVERY)
    assert keeper.said() == ["account.unreadable", "account.refused"]
    keeper.path.unlink()
    assert keeper.look(LOOK_EVERY)
    assert keeper.said() == ["account.unreadable"]
    assert keeper.account.read() == (OLD, BASE)


def test_a_key_of_the_environment_cannot_change_and_the_advice_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path, f"api_base: {BASE}\n{HANDLERS}", caplog, CUEAPI_API_KEY=OLD)
    keeper.refuse()
    keeper.look()
    assert keeper.look(SURE_AFTER)
    assert "from CUEAPI_API_KEY" in caplog.text and f"api_key of {keeper.path}" in caplog.text
    assert "start the pool again" in caplog.text and OLD not in caplog.text


def test_an_approved_key_is_kept_and_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper(tmp_path, f"# mine\n{CONFIG}", caplog)
    keeper.refuse()
    keeper.look()
    keeper.approved.send("approved", api_key=NEW, api_base=BASE, email="a@b.example")
    keeper.approved.send("approved", api_key=NEW, api_base=BASE, email="a@b.example")
    assert not keeper.look()
    assert keeper.account.read() == (NEW, BASE)
    assert keeper.path.read_text() == f"# mine\n{CONFIG}".replace(OLD, NEW)
    assert keeper.said() == ["account.changed"] and keeper.told() == [["account"], ["account"]]


def test_an_approved_key_that_cannot_be_kept_is_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path, CONFIG, caplog)
    keeper.write("handlers: [")
    keeper.approved.send("approved", api_key=NEW, api_base=BASE, email=None)
    assert not keeper.look()
    assert keeper.account.read() == (NEW, BASE)
    assert keeper.said() == ["account.unsaved", "account.changed"]


def test_an_approved_key_that_another_wins_over_is_used_and_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path, f"api_base: {BASE}\n{HANDLERS}", caplog, CUEAPI_API_KEY=OLD)
    keeper.approved.send("approved", api_key=NEW, api_base=BASE, email=None)
    assert not keeper.look()
    assert keeper.account.read() == (NEW, BASE)
    assert "CUEAPI_API_KEY wins over" in caplog.text
