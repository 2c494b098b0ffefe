"""Threads are counted from what the container may use, not from the host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from riskmask.model.runtime.cpus import available_cpus


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("100000 100000", 1),
        ("150000 100000", 1),
        ("1000 100000", 1),
        ("250000 100000", 2),
        ("400000 100000", 4),
        ("1600000 100000", 8),
    ],
)
def test_a_quota_bounds_the_threads(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    path = tmp_path / "cpu.max"
    path.write_text(quota, encoding="ascii")
    assert available_cpus(path) == cores


@pytest.mark.parametrize("content", ["max 100000", "", "nonsense", "1 0"])
def test_without_a_quota_the_affinity_counts(content: str, tmp_path: Path) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(content, encoding="ascii")
    assert available_cpus(path) == available_cpus(tmp_path / "absent") >= 1
