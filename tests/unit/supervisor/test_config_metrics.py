"""`metrics:` of the configuration: where to listen, what is refused, and who is warned."""

from __future__ import annotations

from pathlib import Path

import pytest
from cueworker.pool.settings import Listen
from cueworker.supervisor.config import ConfigError, LoadedConfig, Overrides, describe, load_config

KEY = "cue_sk_0123456789abcdef0123456789abcdef"


def load(tmp_path: Path, metrics: str) -> LoadedConfig:
    path = tmp_path / "c.yaml"
    path.touch(mode=0o600)
    path.write_text(f"api_key: {KEY}\nworker_id: w\nhandlers: {{a: b}}\n{metrics}\n")
    return load_config(path, Overrides(), {"HOME": str(tmp_path)})


def test_where_metrics_are_served(tmp_path: Path) -> None:
    default = Listen("127.0.0.1", 9464)
    for written, expected in {
        "": None,
        "metrics:": None,
        "metrics: off": None,
        "metrics: {}": default,
        "metrics: {listen: }": default,
        "metrics: {listen: 9000}": Listen("127.0.0.1", 9000),
        "metrics: {listen: 127.0.0.1:9464}": default,
        "metrics: {listen: localhost:1}": Listen("localhost", 1),
        'metrics: {listen: "[::1]:65535"}': Listen("::1", 65535),
        "metrics:\n  listen: 127.0.0.2:0": Listen("127.0.0.2", 0),
    }.items():
        loaded = load(tmp_path, written)
        assert loaded.settings.metrics == expected, written
        assert not loaded.warnings, written
    assert [str(Listen("::1", 1)), str(default)] == ["[::1]:1", "127.0.0.1:9464"]


def test_an_address_that_others_can_reach_is_allowed_with_a_warning(tmp_path: Path) -> None:
    for address, listen in {
        "0.0.0.0:9464": Listen("0.0.0.0", 9464),
        "metrics.example.org:80": Listen("metrics.example.org", 80),
        "[::]:9464": Listen("::", 9464),
    }.items():
        loaded = load(tmp_path, f'metrics: {{listen: "{address}"}}')
        assert loaded.settings.metrics == listen
        (warning,) = loaded.warnings
        assert "can read the metrics" in str(warning)
        assert ":4:" in str(warning), "it says where"


def test_what_is_no_address_is_refused_with_the_remedy(tmp_path: Path) -> None:
    for written, words in {
        "metrics: on": "write metrics: {listen: 127.0.0.1:9464}",
        "metrics: 127.0.0.1:9464": "write metrics: {listen: 127.0.0.1:9464}",
        "metrics: [1]": "not a list",
        'metrics: {listen: ":9464"}': "write 0.0.0.0 before the port",
        'metrics: {listen: "*:9464"}': "write 0.0.0.0 before the port",
        "metrics: {listen: 127.0.0.1:70000}": "host:port",
        'metrics: {listen: "http://127.0.0.1:9464"}': "host:port",
        'metrics: {listen: "::1:9464"}': "host:port",
        "metrics: {listen: {a: b}}": "host:port",
        "metrics: {port: 9464}": "did you mean listen?",
        "metrics: {lisen: 9464}": "did you mean listen?",
        "prometheus: {listen: 9464}": "did you mean metrics?",
    }.items():
        with pytest.raises(ConfigError) as raised:
            load(tmp_path, written)
        assert words in str(raised.value), written
        assert ":4:" in str(raised.value), "it says where"


def test_check_says_where_they_are(tmp_path: Path) -> None:
    lines = describe(load(tmp_path, "metrics: {}")).splitlines()
    assert "metrics         http://127.0.0.1:9464/metrics, also /healthz and /readyz" in lines
    assert not any(line.startswith("metrics") for line in describe(load(tmp_path, "")).splitlines())
