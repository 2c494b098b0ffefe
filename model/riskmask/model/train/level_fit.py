"""Fit a codec's own steps to the common levels.

At each level the codec's mean log-bpp over the calibration photographs is the reference's: the
definition of a level for every codec but the reference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.codecs.level_curve import LevelCurve
from riskmask.model.levels import ANCHORS, step_of_level
from riskmask.model.train.batches import LevelRange

STEPS = 14  # at which the codec is measured, evenly over the levels that it was trained at
_ROUND_OFF = 0.02  # of a level, that an end of the scale may lie outside of what was measured


def fit_levels(
    codec: LearnedCodec,
    reference: LearnedCodec,
    photographs: Sequence[NDArray[np.uint8]],
    trained: LevelRange,
) -> LevelCurve:
    """The codec's step at each anchor level.

    Args:
        codec: whose steps are wanted; its own curve is not used.
        reference: the codec that defines the levels.
        photographs: (H, W, 3) uint8 RGB each.
        trained: range that the codec was trained at; it is measured nowhere else.

    Raises:
        ValueError: the codec does not reach the reference's rates within that range, or its rate
            does not rise as the step falls.
    """
    levels = np.linspace(trained.coarsest, trained.finest, STEPS)
    steps = [float(step_of_level(float(level))) for level in levels]
    own = np.zeros((len(photographs), STEPS))
    wanted = np.zeros((len(photographs), ANCHORS))
    for row, image in enumerate(tqdm(photographs, desc="fitting levels", unit="image")):
        own[row] = [codec.bpp_at_step(image, step) for step in steps]
        wanted[row] = [reference.rate_map(image, level).mean() for level in range(ANCHORS)]
    own_curve, wanted_curve = (np.log(rates).mean(axis=0) for rates in (own, wanted))
    if (np.diff(own_curve) <= 0).any():
        raise ValueError(
            f"the rate of {codec.name} does not rise with every finer step; train it for longer"
        )
    margin = _ROUND_OFF * float(np.diff(wanted_curve).min())
    if wanted_curve[0] < own_curve[0] - margin or wanted_curve[-1] > own_curve[-1] + margin:
        raise ValueError(
            f"{codec.name} codes these photographs at {np.exp(own_curve[0]):.3f} to "
            f"{np.exp(own_curve[-1]):.3f} bpp where it was trained, the levels need "
            f"{np.exp(wanted_curve[0]):.3f} to {np.exp(wanted_curve[-1]):.3f}: widen its range in "
            "riskmask/model/train/recipes.py and train it again"
        )
    found = np.interp(wanted_curve, own_curve, np.log(steps))
    return LevelCurve(tuple(round(float(step), 4) for step in np.exp(found)))
