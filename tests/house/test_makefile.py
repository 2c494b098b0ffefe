"""Everything that make can do is in its help, and the commands of the README exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def targets(checkout: Path) -> frozenset[str]:
    """The targets that are commands, not files."""
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    named = frozenset(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE))
    assert named == frozenset(phony.split()), "a command is missing from .PHONY, or the reverse"
    return named


def test_plain_make_lists_every_target_with_what_it_does(
    checkout: Path, targets: frozenset[str]
) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=checkout, capture_output=True, text=True, check=True
    )
    listed = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert listed.keys() == targets
    assert all(listed.values())


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_every_make_command_that_is_written_down_exists(
    checkout: Path, targets: frozenset[str], document: str
) -> None:
    text = (checkout / document).read_text(encoding="utf-8")
    pattern = r"^step ([\w-]+)$" if document == ".ci/run" else r"(?:`|^    )make ([\w-]+)"
    mentioned = set(re.findall(pattern, text, flags=re.MULTILINE))
    assert mentioned
    assert mentioned <= targets


def test_the_readme_shows_the_two_commands(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\bmake demo\b", readme)
    assert re.search(r"\bmake test\b", readme)
