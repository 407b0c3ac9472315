"""A package that was forgotten somewhere works here, editable, and is missing where the wheel is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.repository import ROOT, project, rooms

ROOMS = rooms()
PACKAGES = sorted(
    {
        path.parent.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("__init__.py")
    }
)
"""The rooms, and the folders in them that are packages of their own."""


def modules() -> list[str]:
    """The dotted names of all modules, as the folders say. Not `__main__`: importing one runs it."""
    found = []
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] != "__main__":
                found.append(".".join(("cueworker", *parts)).removesuffix(".__init__"))
    return sorted(found)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked. It is built from a copy, since a build leaves folders behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source, built, unpacked = folder / "source", folder / "built", folder / "unpacked"
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-P", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built)]
    made = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    (archive,) = built.glob("*.whl")
    with zipfile.ZipFile(archive) as file:
        file.extractall(unpacked)
    return unpacked


def run_from(wheel: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the wheel's contents and the installed dependencies.

    `-S`: no `.pth` file is read, so that the editable install, which has every module, is not there.
    """
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    path = os.pathsep.join((str(wheel), *sorted(installed)))
    return subprocess.run(
        [sys.executable, "-P", "-S", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        cwd=wheel,
        capture_output=True,
        text=True,
        check=False,
    )


def test_folders_packages_and_links_are_the_same() -> None:
    setup: dict[str, Any] = project()["tool"]["setuptools"]
    expected = {f"cueworker.{folder.replace('/', '.')}": folder for folder in PACKAGES}
    assert sorted(setup["packages"]) == sorted(expected)
    assert setup["package-dir"] == expected
    links = {path.name: os.readlink(path) for path in (ROOT / "typings" / "cueworker").iterdir()}
    assert links == {room: f"../../{room}" for room in ROOMS}


def test_a_room_has_no_folder_that_nobody_packs() -> None:
    """A subfolder with modules is a package of its own, with an entry in both lists."""
    modules_in = {
        path.parent.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")
    }
    assert sorted(modules_in) == PACKAGES


def test_every_module_of_the_wheel_can_be_imported(wheel: Path) -> None:
    program = """
import importlib, json, sys
files = {name: importlib.import_module(name).__file__ for name in json.loads(sys.argv[1])}
print(json.dumps(files))
"""
    done = run_from(wheel, "-c", program, json.dumps(modules()))
    assert done.returncode == 0, done.stderr
    elsewhere = {name: file for name, file in json.loads(done.stdout).items() if not within(file, wheel)}
    assert not elsewhere


def within(file: str, folder: Path) -> bool:
    return Path(file).resolve().is_relative_to(folder.resolve())


def test_the_wheel_holds_all_files_and_nothing_else(wheel: Path) -> None:
    """Types, service templates and whatever else lies in a room."""
    here = {
        f"cueworker/{path.relative_to(ROOT)}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    there = {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}
    assert {name for name in there if ".dist-info/" not in name and "__pycache__" not in name} == here
    assert {f"cueworker/{room}/py.typed" for room in ROOMS} <= here


@pytest.mark.parametrize("room", [room for room in ROOMS if (ROOT / room / "__main__.py").exists()])
def test_a_package_that_is_a_command_runs(wheel: Path, room: str) -> None:
    done = run_from(wheel, "-m", f"cueworker.{room}", "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()


def test_both_console_scripts_exist_and_run(wheel: Path) -> None:
    program = """
import importlib.metadata, sys
(distribution,) = importlib.metadata.distributions(name="cueworker", path=[sys.argv[1]])
(script,) = distribution.entry_points.select(group="console_scripts", name=sys.argv[2])
sys.argv[1:] = ["--help"]
script.load()()
"""
    for name in ("cueworker", "cueworker-supervise"):
        done = run_from(wheel, "-c", program, str(wheel), name)
        assert done.returncode == 0, done.stderr
        assert f"Usage: {name} " in done.stdout
