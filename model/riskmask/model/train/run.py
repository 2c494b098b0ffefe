"""What every training run shares: device, seeds, schedule, checkpoints that survive a kill."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn


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
    path: Path, settings: Mapping[str, Any], device: torch.device
) -> dict[str, Any] | None:
    """What a run's last checkpoint holds, or None where there is none.

    Raises:
        OtherSettingsError: it is of a run with other ones; the number of steps may differ.
    """
    if not path.exists():
        return None
    saved: dict[str, Any] = torch.load(path, map_location=device, weights_only=False)
    if {**saved["settings"], "steps": settings["steps"]} != dict(settings):
        raise OtherSettingsError(
            f"{path} is of a run with other settings: {saved['settings']}; name another folder"
        )
    return saved


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)
