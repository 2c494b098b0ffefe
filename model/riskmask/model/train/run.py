"""What every training run shares: device, seeds, schedule, checkpoints that survive a kill."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from riskmask.model.whole_file import replacing, write_whole


class OtherSettingsError(ValueError):
    """A checkpoint that this run cannot go on from."""


def pick_device(name: str = "auto") -> torch.device:
    """CUDA when there is one, else the CPU; or the device named."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def seed_everything(seed: int) -> np.random.Generator:
    """Seed Python, NumPy and torch; returns the generator that samples batches."""
    random.seed(seed)
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def cosine_rate(step: int, steps: int, peak: float, warmup: int = 200) -> float:
    """Learning rate at a step: linear warm-up, then half a cosine down to 1% of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(steps - warmup, 1)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


class MovingAverage:
    """Exponential moving average of a module's floating-point state (weights and statistics)."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {
            name: value.detach().clone()
            for name, value in module.state_dict().items()
            if value.is_floating_point()
        }

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take one step in; early on the average is short, so that it forgets the start."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if name in self.state and self.state[name].shape == value.shape:
                self.state[name].lerp_(value, 1 - decay)


def load_checkpoint(
    path: Path, settings: Mapping[str, Any], device: torch.device, data: str | None = None
) -> dict[str, Any] | None:
    """What a run's last checkpoint holds, or None where there is none.

    Args:
        path: of the checkpoint.
        settings: of the run.
        device: to load it to.
        data: what tells its data from others, as the checkpoint holds it; None to take any.

    Raises:
        OtherSettingsError: it is of a run with other ones, or on other data; the number of steps
            may differ.
    """
    if not path.exists():
        return None
    saved: dict[str, Any] = torch.load(path, map_location=device, weights_only=False)
    if {**saved["settings"], "steps": settings["steps"]} != dict(settings):
        raise OtherSettingsError(
            f"{path} is of a run with other settings: {saved['settings']}; name another folder"
        )
    if data is not None and saved.get("data") != data:
        raise OtherSettingsError(
            f"{path} is of a run on other pictures, labels or start weights, or does not tell "
            "which; name another folder"
        )
    return saved


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        torch.save(content, partial)


class RunLog:
    """JSON lines of a run; what a killed run wrote after its checkpoint is dropped.

    Args:
        path: of the file, which need not be there.
        first: steps that the checkpoint has.
    """

    def __init__(self, path: Path, first: int) -> None:
        kept = []
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("\n")]
            kept = [line for line in whole if json.loads(line)["step"] <= first]
        write_whole(path, "".join(kept))
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(
        self,
        step: int,
        window: Sequence[Mapping[str, float]],
        seconds: float,
        **further: Mapping[str, float],
    ) -> None:
        """Write the means of some steps' figures.

        Args:
            step: that has just been taken.
            window: figures by name, of each step since the last line.
            seconds: that the run has taken so far.
            further: figures of another kind, by their own name.
        """
        means = {
            name: round(float(np.mean([entry[name] for entry in window])), 4) for name in window[0]
        }
        line = {"step": step, **means, **further, "seconds": round(seconds, 1)}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
