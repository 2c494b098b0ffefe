"""Threads are counted from what the container may use, not from the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskmask.model.runtime.cpus import available_cpus


@pytest.mark.parametrize("quota", ["100000 100000", "150000 100000", "1000 100000"])
def test_a_quota_bounds_the_threads(quota: str, tmp_path: Path) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(quota, encoding="ascii")
    assert available_cpus(path) == 1


@pytest.mark.parametrize("content", ["max 100000", "", "nonsense", "1 0"])
def test_without_a_quota_the_affinity_counts(content: str, tmp_path: Path) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(content, encoding="ascii")
    assert available_cpus(path) == available_cpus(tmp_path / "absent") >= 1
