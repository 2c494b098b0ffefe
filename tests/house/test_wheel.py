"""What a user installs: the whole of the packages, and a client that stays light."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGE_ROOTS = ("proto/", "client/", "server/", "model/")
HEAVY = ("torch", "torchvision", "onnxruntime", "cv2", "scipy")


@pytest.fixture(scope="module")
def packed(wheel: Path) -> frozenset[str]:
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


@pytest.mark.slow
def test_the_wheel_holds_exactly_the_files_of_the_packages(
    packed: frozenset[str], files: tuple[str, ...]
) -> None:
    expected = {
        name.removeprefix(root)
        for root in PACKAGE_ROOTS
        for name in files
        if name.startswith(f"{root}riskmask/")
    }
    assert {name for name in packed if ".dist-info/" not in name} == expected


@pytest.mark.slow
def test_the_namespace_stays_open_for_other_distributions(packed: frozenset[str]) -> None:
    assert "riskmask/__init__.py" not in packed


@pytest.mark.slow
@pytest.mark.parametrize("package", ["v1", "client", "server", "model"])
def test_each_package_says_that_it_is_typed(packed: frozenset[str], package: str) -> None:
    assert f"riskmask/{package}/py.typed" in packed


@pytest.mark.slow
def test_the_licence_travels_with_the_wheel(packed: frozenset[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)


@pytest.mark.slow
@pytest.mark.parametrize("module", HEAVY)
def test_a_core_install_brings_nothing_heavy(core_python: Path, module: str) -> None:
    script = (
        f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is not None)"
    )
    assert subprocess.run([core_python, "-c", script], check=False).returncode == 0


@pytest.mark.slow
def test_a_core_install_imports_the_client(core_python: Path, tmp_path: Path) -> None:
    script = "from riskmask.client import AsyncClient, Client"
    subprocess.run([core_python, "-W", "error", "-c", script], cwd=tmp_path, check=True)


@pytest.mark.slow
def test_a_core_install_has_the_command(core_python: Path, tmp_path: Path) -> None:
    command = core_python.with_name("riskmask")
    done = subprocess.run(
        [command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "analyze" in done.stdout


@pytest.mark.slow
def test_a_core_install_says_what_an_analysis_in_process_needs(
    core_python: Path, checkout: Path, tmp_path: Path
) -> None:
    command = core_python.with_name("riskmask")
    done = subprocess.run(
        [command, "analyze", checkout / "examples" / "astronaut.jpg"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode not in (0, 1), done.stdout
    assert "riskmask[server]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_client_imports_nothing_heavy_even_where_it_is_installed(tmp_path: Path) -> None:
    script = f"import sys, riskmask.client; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
