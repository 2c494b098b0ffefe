"""How a codec's own quantiser step follows the common level: a fitted map beside its weights.

The reference codec's step *is* the level. Another codec has, at each level, the step at which its
mean log-bpp over the calibration photographs is the reference's. The map is one small JSON file
that names the weights it was fitted for, ``NAME-HASH.levels.json`` beside theirs.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import ANCHORS, step_of_level
from riskmask.model.runtime.errors import WeightsError
from riskmask.model.whole_file import write_whole

SCHEMA = 1


@dataclass(frozen=True)
class LevelCurve:
    """Quantiser step at each anchor level, coarsest first; geometric between the anchors.

    Attributes:
        steps: 8 steps in 8-bit grey values, strictly falling; None is the reference's own scale.
    """

    steps: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.steps is None:
            return
        if len(self.steps) != ANCHORS or not all(math.isfinite(step) for step in self.steps):
            raise ValueError(f"a level curve has {ANCHORS} finite steps, one per anchor level")
        if min(self.steps) <= 0 or any(after >= step for step, after in pairwise(self.steps)):
            raise ValueError("the steps of a level curve must be over 0 and fall strictly")

    def step(self, level: NDArray[np.float32]) -> NDArray[np.float32]:
        """Step at levels in [0, 7], any shape, float32."""
        if self.steps is None:
            return np.asarray(step_of_level(level), dtype=np.float32)
        logs = np.interp(level, np.arange(ANCHORS), np.log(self.steps))
        return np.asarray(np.exp(logs), dtype=np.float32)

    def identity(self, weights: str) -> str:
        """SHA-256 of weights with this curve: a stream decodes with this pair only.

        Args:
            weights: SHA-256 of the weights file; alone, it stands for the reference's own scale.
        """
        if self.steps is None:
            return weights
        pair = weights + json.dumps(self.steps)
        return hashlib.sha256(pair.encode()).hexdigest()


REFERENCE_SCALE = LevelCurve()


def curve_path(weights: Path) -> Path:
    """Where the level curve of a weights file lies."""
    return weights.with_suffix(".levels.json")


def save_curve(curve: LevelCurve, weights: Path, fitted_on: str) -> Path:
    """Write a fitted curve beside the weights that it was fitted for.

    Args:
        curve: fitted, not the reference's own.
        weights: the file.
        fitted_on: one sentence: which images, how many, by which command.
    """
    if curve.steps is None:
        raise ValueError("the reference's own scale needs no file")
    content = {
        "schema": SCHEMA,
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "steps": list(curve.steps),
        "fitted_on": fitted_on,
    }
    path = curve_path(weights)
    write_whole(path, json.dumps(content, indent=2) + "\n")
    return path


def load_curve(weights: Path, architecture: str) -> LevelCurve:
    """Read the curve of a weights file.

    Raises:
        WeightsError: there is none, it is of other weights, or no curve.
    """
    path = curve_path(weights)
    cure = f"fit it with `python -m riskmask.model.train fit-levels --architecture {architecture}`"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        steps, fitted_for = tuple(map(float, content["steps"])), content["weights"]
    except FileNotFoundError:
        raise WeightsError(f"{weights.name} has no level curve beside it; {cure}") from None
    except (OSError, ValueError, TypeError, KeyError):
        raise WeightsError(f"{path.name} is not a level curve; {cure}") from None
    if fitted_for != hashlib.sha256(weights.read_bytes()).hexdigest():
        raise WeightsError(f"{path.name} was fitted for other weights; {cure}")
    try:
        return LevelCurve(steps)
    except ValueError as error:
        raise WeightsError(f"{path.name}: {error}; {cure}") from None
