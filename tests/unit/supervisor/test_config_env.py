"""`env:` values reach a handler as the existing daemon passed them, with a warning where that surprises."""

from __future__ import annotations

from pathlib import Path

import pytest
from cueworker.supervisor.config import LoadedConfig, Overrides, load_config


def load(folder: Path, env: str) -> LoadedConfig:
    path = folder / "c.yaml"
    path.write_text(f"handlers:\n  t:\n    cmd: env\n    env: {{A: {env}}}\n")
    return load_config(path, Overrides(), {"HOME": str(folder), "CUEAPI_API_KEY": "k"})


@pytest.mark.parametrize(
    "written",
    [
        *(
            "5",
            "-5",
            "1.5",
            "True",
            "False",
            "text",
            "y",
            "N",
            "0o17",
            "1e3",
            "1.0e3",
            "2024-01-31",
            "=",
            "a=b",
        ),
        *(".", "2024-99-99", "9" * 2000, "0x" + "f" * 2000, "-.5", "+_", "None"),
    ],
)
def test_as_written(tmp_path: Path, written: str) -> None:
    loaded = load(tmp_path, written)
    assert loaded.settings.handlers["t"].env == {"A": written}
    assert loaded.warnings == ()


@pytest.mark.parametrize("quoted", ["'yes'", '"1.10"', "'~'", "!!str yes"])
def test_quotes_and_tags_keep_the_text(tmp_path: Path, quoted: str) -> None:
    loaded = load(tmp_path, quoted)
    assert loaded.settings.handlers["t"].env == {"A": quoted.rsplit(maxsplit=1)[-1].strip("'\"")}
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ("yes", "True"),
        ("off", "False"),
        ("true", "True"),
        ("010", "8"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("-0b11", "-3"),
        ("1_000", "1000"),
        ("+7", "7"),
        ("12:30", "750"),
        ("1:30.5", "90.5"),
        ("1.10", "1.1"),
        ("1.0e+3", "1000.0"),
        (".5", "0.5"),
        (".inf", "inf"),
        ("-.INF", "-inf"),
        (".NaN", "nan"),
        ("~", "None"),
        ("", "None"),
        ("2024-01-31T10:20:30Z", "2024-01-31 10:20:30+00:00"),
        ("2024-01-31 10:20:30 +02:00", "2024-01-31 10:20:30+02:00"),
    ],
)
def test_as_the_existing_daemon_passed_it(tmp_path: Path, written: str, passed: str) -> None:
    loaded = load(tmp_path, written)
    assert loaded.settings.handlers["t"].env == {"A": passed}
    (warning,) = loaded.warnings
    assert (warning.line, warning.column) == (4, 14 if written else 13)
    assert f"{passed!r} for handlers.t.env.A" in warning.message
    assert warning.remedy == "put quotes around the value to pass it as written"
