"""The reference codec's network: a variable-rate mean-scale hyperprior.

Minnen, Ballé and Toderici, "Joint autoregressive and hierarchical priors for learned image
compression" (NeurIPS 2018), without the autoregressive part; one network for all rates, the
latent divided by a quantiser step before rounding and multiplied after (a gain unit, as in Cui
et al., "Asymmetric gained deep image compression", CVPR 2021). The step is a map over the latent
grid, so bits can be moved in space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from riskmask.model.codecs.layers import (
    BLOCK,
    PixelRefinement,
    StepBlock,
    StepEmbedding,
    dct_basis,
)
from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

from compressai.entropy_models import EntropyBottleneck, GaussianConditional  # noqa: E402
from compressai.models import CompressionModel  # noqa: E402

PEAK = 255.0
SCALE_TABLE = [
    math.exp(math.log(0.11) + (math.log(256) - math.log(0.11)) * i / 63) for i in range(64)
]


@dataclass(frozen=True)
class Shape:
    """Sizes of the network; stored beside its weights."""

    luma: int = 176
    chroma: int = 40
    width: int = 128
    hyper: int = 32
    refine: int = 64

    @property
    def latent(self) -> int:
        """Channels of the latent."""
        return self.luma + 2 * self.chroma


@dataclass(frozen=True)
class Coded:
    """What a forward pass yields.

    Attributes:
        image: (B, 3, H, W) float32, nominally in [0, 1] (not clamped).
        bits: (B, 1, H/16, W/16) float32, estimated bits per latent cell, both streams.
    """

    image: Tensor
    bits: Tensor


class HyperpriorNetwork(CompressionModel):  # type: ignore[misc]
    """Analysis, hyperprior and synthesis around CompressAI's entropy models.

    Works on (B, 3, H, W) float32 RGB in [0, 1], H and W multiples of 32, and on step maps
    (B, 1, H/16, W/16) float32 in 8-bit grey values.
    """

    STRIDE = 32

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        latent, width, hyper = shape.latent, shape.width, shape.hyper
        basis = dct_basis(shape.luma, shape.chroma)

        self.analysis = nn.Conv2d(3, latent, BLOCK, stride=BLOCK)
        self.synthesis = nn.ConvTranspose2d(latent, 3, 2 * BLOCK, stride=BLOCK, padding=BLOCK // 2)
        with torch.no_grad():
            self.analysis.weight.copy_(basis)
            self.analysis.bias.zero_()  # type: ignore[union-attr]
            self.synthesis.weight.zero_()
            inner = slice(BLOCK // 2, BLOCK // 2 + BLOCK)
            self.synthesis.weight[:, :, inner, inner] = basis
            self.synthesis.bias.zero_()  # type: ignore[union-attr]
        self.encode_blocks = nn.ModuleList(StepBlock(latent, width) for _ in range(2))
        self.decode_blocks = nn.ModuleList(StepBlock(latent, width) for _ in range(3))
        self.refinement = PixelRefinement(shape.refine)

        self.hyper_analysis = nn.Sequential(
            nn.Conv2d(latent + 1, width, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv2d(width, hyper, 3, padding=1),
        )
        self.hyper_synthesis = nn.Sequential(
            nn.ConvTranspose2d(hyper, width, 4, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.hyper_step = StepEmbedding(width)
        self.hyper_head = nn.Conv2d(width, 2 * latent, 1)
        nn.init.zeros_(self.hyper_head.weight)
        nn.init.zeros_(self.hyper_head.bias)  # type: ignore[arg-type]
        # Standard deviation of each coefficient, in units of the peak; measured before training.
        self.log_sigma = nn.Parameter(torch.full((latent,), math.log(0.1)))

        # Side information starts near zero under a narrow prior, or it costs more than it saves.
        with torch.no_grad():
            cast(nn.Conv2d, self.hyper_analysis[-1]).weight.mul_(0.1)
        self.entropy_bottleneck = EntropyBottleneck(hyper, init_scale=2)
        self.gaussian_conditional = GaussianConditional(None)

    # ---- the three transforms ------------------------------------------------------------

    def analyse(self, image: Tensor, step: Tensor) -> Tensor:
        """Latent in quantiser steps, (B, C, H/16, W/16)."""
        log_step = _centred_log(step)
        latent = self.analysis(image - 0.5)
        for block in self.encode_blocks:
            latent = block(latent, log_step)
        return torch.as_tensor(latent * (PEAK / step))

    def synthesise(self, latent: Tensor, step: Tensor) -> Tensor:
        """Image from a latent in quantiser steps, (B, 3, H, W), not clamped."""
        log_step = _centred_log(step)
        latent = latent * (step / PEAK)
        for block in self.decode_blocks:
            latent = block(latent, log_step)
        return torch.as_tensor(self.refinement(self.synthesis(latent) + 0.5, log_step))

    def describe(self, latent: Tensor, step: Tensor) -> Tensor:
        """Hyper-latent, (B, hyper, H/32, W/32)."""
        return torch.as_tensor(
            self.hyper_analysis(torch.cat([torch.asinh(latent), _centred_log(step)], dim=1))
        )

    def predict(self, hyper: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Scales and means of the latent in quantiser steps, each (B, C, H/16, W/16)."""
        log_step = _centred_log(step)
        hidden = nn.functional.gelu(self.hyper_synthesis(hyper) + self.hyper_step(log_step))
        spread, mean = self.hyper_head(hidden).float().chunk(2, dim=1)
        gain = PEAK / step
        log_scale = spread + self.log_sigma[None, :, None, None] + torch.log(gain)
        return torch.exp(log_scale.clamp(-4.0, 7.0)), mean * gain

    # ---- whole passes --------------------------------------------------------------------

    def quantise(self, image: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Rounded latent, and bits per latent cell of both streams.

        Training sees noise in the rate and lets gradients through the rounding.
        """
        latent = self.analyse(image, step).float()
        hyper = self.describe(latent, step).float()
        hyper_hat, hyper_likelihood = self.entropy_bottleneck(hyper)
        if self.training:
            medians = self.entropy_bottleneck._get_medians().reshape(1, -1, 1, 1)
            hyper_hat = _round_through(hyper - medians) + medians
        scale, mean = self.predict(hyper_hat, step)
        _, likelihood = self.gaussian_conditional(latent, scale, means=mean)
        bits = -torch.log2(likelihood).sum(dim=1, keepdim=True)
        hyper_bits = -torch.log2(hyper_likelihood).sum(dim=1, keepdim=True)
        bits = bits + nn.functional.interpolate(hyper_bits, scale_factor=2, mode="nearest") / 4
        return _round_through(latent - mean) + mean, bits

    def forward(self, image: Tensor, step: Tensor) -> Coded:
        """Code and decode in one differentiable pass."""
        latent, bits = self.quantise(image, step)
        return Coded(image=self.synthesise(latent, step), bits=bits)


def _centred_log(step: Tensor) -> Tensor:
    """Log step, about [-1, 1] over the common scale."""
    return (torch.log(step) - 4.4) / 1.65


def _round_through(x: Tensor) -> Tensor:
    return x + (torch.round(x) - x).detach()
