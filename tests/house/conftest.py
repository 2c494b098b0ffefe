"""The checkout as its readers and users get it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def checkout() -> Path:
    return CHECKOUT


@pytest.fixture(scope="session")
def files() -> tuple[str, ...]:
    """Every file that is committed or could be, relative to the checkout, with slashes."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout, so nobody knows which files belong to it")
    names = (name for name in listing.stdout.split("\0") if name)
    return tuple(sorted(name for name in names if (CHECKOUT / name).is_file()))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `pip install riskmask` would fetch, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(build, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def core_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a clean environment that holds the wheel and no extra."""
    folder = tmp_path_factory.mktemp("core")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    constraints = str(CHECKOUT / "constraints.txt")
    install = [str(python), "-m", "pip", "install", "--constraint", constraints, str(wheel)]
    subprocess.run(install, check=True)
    return python
