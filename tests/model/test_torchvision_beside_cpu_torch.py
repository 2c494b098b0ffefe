"""torchvision is made importable beside a CPU torch, and left alone where it imports by itself.

Each case is a fresh process with a stand-in for torchvision on its path.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Fails as the CUDA wheel does: half-imported, while its operators are not there.
NEEDS_OPERATORS = """
import torch
import torchvision._meta
for name in ("nms", "qnms"):
    try:
        getattr(torch.ops.torchvision, name)
    except AttributeError:
        raise RuntimeError(f"operator torchvision::{name} does not exist") from None
READY = True
"""
WORKS = "import torchvision._meta\nREADY = True\n"
FAILS_OTHERWISE = "raise RuntimeError('the driver is too old')\n"
META = "import torchvision\nIMPORTS = getattr(torchvision, 'COUNT', 0)\n"

PROBE = """
import sys
from riskmask.model.torchvision_ops import ensure_torchvision
import riskmask.model.torchvision_ops as own
for _ in range(2):
    ensure_torchvision()
import torchvision
print(torchvision.READY, own._library is not None)
"""


def _run(folder: Path, package: str) -> subprocess.CompletedProcess[str]:
    stand_in = folder / "torchvision"
    stand_in.mkdir()
    (stand_in / "__init__.py").write_text(package, encoding="utf-8")
    (stand_in / "_meta.py").write_text(META, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", PROBE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_missing_operators_are_declared(tmp_path: Path) -> None:
    ended = _run(tmp_path, NEEDS_OPERATORS)
    assert ended.stdout.split() == ["True", "True"], ended.stderr


def test_a_torchvision_that_works_is_left_alone(tmp_path: Path) -> None:
    ended = _run(tmp_path, WORKS)
    assert ended.stdout.split() == ["True", "False"], ended.stderr


def test_another_failure_is_not_hidden(tmp_path: Path) -> None:
    ended = _run(tmp_path, FAILS_OTHERWISE)
    assert ended.returncode == 1
    assert "RuntimeError: the driver is too old" in ended.stderr


def test_the_real_one_imports_here() -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "from riskmask.model.torchvision_ops import ensure_torchvision as e; e(); "
            "import torchvision.transforms; print('imported')",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.stdout.strip() == "imported", ended.stderr
