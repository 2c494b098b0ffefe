"""What a codec is trained for. The loop knows none of it; each objective is one class.

The multiplier of the distortion follows the step: at high rate the best trade of a uniform
quantiser with step D is lambda = 6 / (ln 2 * D^2) per squared error of a pixel; towards low rates
a power of 1.5 keeps the dead zone from swallowing everything.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from riskmask.model.codecs.layers import BLOCK
from riskmask.model.codecs.transforms import PEAK, StepNetwork

REFERENCE_STEP = 28.0
REFERENCE_LAMBDA = 0.033  # per squared 8-bit error, averaged over the three channels

Figures = dict[str, float]


class Objective(Protocol):
    """The loss of one architecture, and what it needs beside the network."""

    def parameters(self) -> list[nn.Parameter]:
        """What the main optimiser changes."""
        ...

    def loss(self, image: Tensor, step: Tensor, *, bf16: bool) -> tuple[Tensor, Figures]:
        """Loss of a batch, and figures for the log, among them ``bpp`` and ``mse``."""
        ...

    def after_step(self, rate: float) -> None:
        """Whatever else must learn, once the network has; ``rate`` is the main learning rate."""
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep of it."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`."""
        ...


class RateDistortion:
    """Rate plus squared error, each crop's loss divided by its rate so that none dominates.

    Args:
        network: to train.
        balance: bpp added to a crop's rate before the loss is divided by it.
    """

    def __init__(self, network: StepNetwork, balance: float) -> None:
        self.network = network
        self.balance = balance

    def parameters(self) -> list[nn.Parameter]:
        """See :class:`Objective`: everything but quantiles, which have their own optimiser."""
        return [
            p
            for name, p in self.network.named_parameters()
            if p.requires_grad and not name.endswith("quantiles")
        ]

    def loss(self, image: Tensor, step: Tensor, *, bf16: bool) -> tuple[Tensor, Figures]:
        """See :class:`Objective`."""
        with torch.autocast(image.device.type, torch.bfloat16, enabled=bf16):
            coded = self.network(image, step)
        bpp = coded.bits.mean(dim=(1, 2, 3)) / BLOCK**2
        squared = squared_error(coded.image, image)
        distortion = (multiplier(step) * squared).mean(dim=(1, 2, 3))
        loss = ((bpp + distortion) / (self.balance + bpp.detach())).mean()
        return loss, {"bpp": bpp.mean().item(), "mse": squared.mean().item()}

    def after_step(self, rate: float) -> None:
        """See :class:`Objective`: nothing."""

    def state(self) -> dict[str, Any]:
        """See :class:`Objective`: nothing."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """See :class:`Objective`: nothing."""


def squared_error(image: Tensor, original: Tensor) -> Tensor:
    """(B, 1, H, W) squared error in 8-bit grey values, mean of the channels."""
    return ((image.float() - original) * PEAK).square().mean(dim=1, keepdim=True)


def multiplier(step: Tensor) -> Tensor:
    """What a squared error is worth in bpp, per pixel: (B, 1, h, w) steps -> (B, 1, 16h, 16w)."""
    worth = REFERENCE_LAMBDA * (REFERENCE_STEP / step) ** 1.5
    return nn.functional.interpolate(worth, scale_factor=BLOCK)
