"""`python -m gateway`, in a clone where nothing is installed and in one where everything is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "gateway"


@pytest.fixture
def bare_clone(tmp_path: Path) -> Path:
    """A copy of what `python -m gateway` reads first."""
    for name in ("__init__.py", "__main__.py", "cli/__init__.py", "cli/main.py", "errors.py"):
        target = tmp_path / "gateway" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(PACKAGE / name, target)
    return tmp_path


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the clone's gateway by an interpreter that has only the standard library."""
    command = [sys.executable, "-S", "-m", "gateway"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={})


def test_a_bare_clone_says_how_to_install_it(bare_clone):
    done = run(bare_clone)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("gateway: click is not installed for ")
    assert "Traceback" not in done.stderr
    for command in ("python3 -m venv .venv", ".venv/bin/pip install -e .", ".venv/bin/gateway demo"):
        assert f"  {command}\n" in done.stderr


def test_where_a_virtual_environment_exists_its_command_is_named(bare_clone):
    command = bare_clone / ".venv" / "bin" / "gateway"
    command.parent.mkdir(parents=True)
    command.touch()
    assert f"run {command}\n" in run(bare_clone).stderr


def test_a_missing_module_of_our_own_is_not_explained_away(bare_clone):
    (bare_clone / "gateway" / "cli" / "main.py").unlink()
    done = run(bare_clone)
    assert done.returncode == 1
    assert "No module named 'gateway.cli.main'" in done.stderr


def test_where_everything_is_installed_it_is_the_command_line():
    command = [sys.executable, "-m", "gateway", "--help"]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: gateway ")
