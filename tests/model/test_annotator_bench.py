"""The benchmark's command runs without a corpus and writes its page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RISKMASK_")}
    command = [sys.executable, "-m", "riskmask.model.plants", *arguments]
    return subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_few_pairs_of_the_examples_become_a_page(tmp_path: Path) -> None:
    out = tmp_path / "annotators.md"
    few = ("--plants", "2", "--harmless", "3", "--near-lossless", "2", "--largest", "192")
    few += ("--reconstructions", "1")
    done = _run(*few, "--images", "examples", "--out", str(out))
    assert done.returncode == 0, done.stderr
    page = out.read_text(encoding="utf-8")
    assert "on the pictures in examples/" in page
    assert "dlib's frontal detector" in page
    for name in ("text", "symbol", "face", "amplitude", "geometry", "shape"):
        assert f"\n| {name} | 2 | " in page
    assert "## Near-lossless encodings" in page
    assert "| PNG | 2 | 100.0%" in page
    rows = [line for line in page.splitlines() if line.startswith("| hyperprior | ")]
    assert [row.split(" | ")[1] for row in rows] == ["0", "2", "4", "6"]
    rates = [float(row.split(" | ")[3]) for row in rows]
    assert rates == sorted(rates)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"), [(("--side", "both"), "train or test"), (("--largest", "8"), "128")]
)
def test_a_wrong_option_says_what_is_right(arguments: tuple[str, str], message: str) -> None:
    done = _run(*arguments)
    assert done.returncode != 0
    assert message in done.stderr
