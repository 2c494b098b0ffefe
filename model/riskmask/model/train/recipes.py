"""How each codec is trained: its objective, its range of steps and sensible settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from riskmask.model.levels import FINEST
from riskmask.model.train.adversarial import Adversarial
from riskmask.model.train.batches import LevelRange
from riskmask.model.train.diffusion import Diffusion
from riskmask.model.train.objectives import Objective, RateDistortion

ON_THE_SCALE = LevelRange()


@dataclass(frozen=True)
class Recipe:
    """One architecture's training.

    Attributes:
        objective: makes it from the network and the balance.
        levels: range that training draws from.
        steps: optimiser steps of the default run.
        rate: peak learning rate.
        needs_start: whether it continues trained hyperprior weights.
        quantiles: whether the factorised prior's ends are learnt by an auxiliary loss.
    """

    objective: Callable[[Any, float], Objective]
    levels: LevelRange = ON_THE_SCALE
    steps: int = 14_000
    rate: float = 5e-4
    needs_start: bool = False
    quantiles: bool = True


RECIPES: Mapping[str, Recipe] = {
    "hyperprior": Recipe(RateDistortion),
    # Without side information the same rate needs a coarser step.
    "factorized": Recipe(RateDistortion, LevelRange(-2.0, FINEST), quantiles=False),
    "channel-ar": Recipe(RateDistortion, LevelRange(-0.5, FINEST + 1), steps=9_000),
    # The entropy model is the hyperprior's, so its quantiles stay too.
    "hific": Recipe(Adversarial, steps=6_000, needs_start=True, quantiles=False),
    "cdc": Recipe(Diffusion, LevelRange(-1.0, FINEST + 1), steps=8_000),
}
