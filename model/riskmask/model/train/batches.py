"""Batches of a codec's training: random crops and the levels to code them at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from riskmask.model.codecs.layers import BLOCK
from riskmask.model.codecs.transforms import PEAK
from riskmask.model.levels import FINEST, step_of_level


@dataclass(frozen=True)
class LevelRange:
    """Levels that training draws from, on the reference's scale.

    A codec that spends more than the reference at the same step needs coarser steps for the same
    rates, one that spends less needs finer ones; so the range may go beyond [0, 7].
    """

    coarsest: float = 0.0
    finest: float = FINEST


def draw_batch(
    patches: NDArray[np.uint8],
    generator: np.random.Generator,
    *,
    batch: int,
    crop: int,
    map_share: float,
    levels: LevelRange,
) -> tuple[Tensor, Tensor]:
    """Random crops, flipped, (B, 3, C, C) float32 in [0, 1], and steps (B, 1, C/16, C/16)."""
    cells = crop // BLOCK
    room = patches.shape[1] - crop + 1
    images = np.empty((batch, crop, crop, 3), dtype=np.uint8)
    drawn = np.empty((batch, 1, cells, cells), dtype=np.float32)
    for row in range(batch):
        patch = patches[generator.integers(len(patches))]
        y, x = generator.integers(0, room, size=2)
        piece = patch[y : y + crop, x : x + crop]
        images[row] = piece[:, ::-1] if generator.random() < 0.5 else piece
        drawn[row] = generator.uniform(levels.coarsest, levels.finest)
        if generator.random() < map_share:
            top, left = generator.integers(0, cells, size=2)
            height, width = generator.integers(1, cells + 1, size=2)
            region = drawn[row, 0, top : top + height, left : left + width]
            region[...] = generator.uniform(levels.coarsest, levels.finest)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / PEAK
    steps = np.asarray(step_of_level(drawn), dtype=np.float32)
    return tensor.contiguous(memory_format=torch.channels_last), torch.from_numpy(steps)
