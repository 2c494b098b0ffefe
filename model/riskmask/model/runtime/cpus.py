"""How many processor cores this process may really use."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cpus(quota_file: Path = CGROUP_QUOTA) -> int:
    """Cores left by the affinity mask and by the container's quota, at least 1.

    ONNX Runtime sizes its thread pool from the host, so a container must be told.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        pass  # no cgroup v2 here: the affinity mask is all that is known
    return max(cores, 1)
