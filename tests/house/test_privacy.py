"""Looking at an image leaves no trace outside of what was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_loading_the_runtime_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    # ONNX Runtime's telemetry keeps a device id and a queue there; it is off under CI by itself
    silent = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"}
    environment = {key: value for key, value in os.environ.items() if key not in silent}
    subprocess.run(
        [sys.executable, "-c", "from riskmask.model.runtime.predictor import Predictor"],
        env={**environment, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    assert list(tmp_path.rglob("*")) == []
