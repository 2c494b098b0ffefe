"""The reference codec's network: a variable-rate mean-scale hyperprior.

Minnen, Ballé and Toderici, "Joint autoregressive and hierarchical priors for learned image
compression" (NeurIPS 2018), without the autoregressive part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from riskmask.model.codecs.conditional import SearchedGaussianConditional
from riskmask.model.codecs.layers import StepEmbedding
from riskmask.model.codecs.transforms import (
    PEAK,
    Latent,
    StepNetwork,
    TransformShape,
    centred_log,
    full_precision,
    round_through,
)
from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

from compressai.entropy_models import EntropyBottleneck  # noqa: E402

SCALE_TABLE = [
    math.exp(math.log(0.11) + (math.log(256) - math.log(0.11)) * i / 63) for i in range(64)
]


@dataclass(frozen=True)
class Shape(TransformShape):
    """Sizes of the network; stored beside its weights."""

    hyper: int = 32


class HyperpriorNetwork(StepNetwork):
    """The transforms around a hyperprior on CompressAI's entropy models."""

    STRIDE = 32
    SIDE_INFORMATION = True
    SHAPE = Shape
    shape: Shape

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__(shape)
        latent, width, hyper = shape.latent, shape.width, shape.hyper
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

        # Side information starts near zero under a narrow prior, or it costs more than it saves.
        with torch.no_grad():
            cast(nn.Conv2d, self.hyper_analysis[-1]).weight.mul_(0.1)
        self.entropy_bottleneck = EntropyBottleneck(hyper, init_scale=2)
        self.gaussian_conditional = SearchedGaussianConditional(None)

    # ---- the side information ------------------------------------------------------------

    def describe(self, latent: Tensor, step: Tensor) -> Tensor:
        """Hyper-latent, (B, hyper, H/32, W/32)."""
        return torch.as_tensor(
            self.hyper_analysis(torch.cat([torch.asinh(latent), centred_log(step)], dim=1))
        )

    def context(self, hyper: Tensor, step: Tensor) -> Tensor:
        """What the side information says of each latent cell, (B, width, H/16, W/16)."""
        hidden = self.hyper_synthesis(hyper) + self.hyper_step(centred_log(step))
        return nn.functional.gelu(hidden)

    def gaussians(self, context: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Scales and means of the latent in quantiser steps, each (B, C, H/16, W/16)."""
        spread, mean = self.hyper_head(context).float().chunk(2, dim=1)
        gain = PEAK / step
        log_scale = spread + self.log_sigma[None, :, None, None] + torch.log(gain)
        return torch.exp(log_scale.clamp(-4.0, 7.0)), mean * gain

    def predict(self, hyper: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`gaussians` of a hyper-latent."""
        return self.gaussians(self.context(hyper, step), step)

    def quantise_hyper(self, latent: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Rounded hyper-latent, and its bits per latent cell (B, 1, H/16, W/16)."""
        hyper = self.describe(latent, step).float()
        with full_precision(hyper):
            hyper_hat, likelihood = self.entropy_bottleneck(hyper)
            if self.training:
                medians = self.entropy_bottleneck._get_medians().reshape(1, -1, 1, 1)
                hyper_hat = round_through(hyper - medians) + medians
            bits = -torch.log2(likelihood).sum(dim=1, keepdim=True)
        return hyper_hat, nn.functional.interpolate(bits, scale_factor=2, mode="nearest") / 4

    def encode_hyper(self, latent: Tensor, step: Tensor) -> tuple[bytes, Tensor]:
        """Hyper stream, and the hyper-latent as the decoder reads it."""
        hyper = self.describe(latent, step)
        streams = self.entropy_bottleneck.compress(hyper)
        return streams[0], self.entropy_bottleneck.decompress(streams, hyper.shape[-2:])

    def decode_hyper(self, stream: bytes, step: Tensor) -> Tensor:
        """The hyper-latent of a stream, for a step map of the latent grid."""
        grid = step.shape[-2] // 2, step.shape[-1] // 2
        return torch.as_tensor(self.entropy_bottleneck.decompress([stream], grid))

    # ---- the entropy model ---------------------------------------------------------------

    def quantise(self, image: Tensor, step: Tensor) -> tuple[Latent, Tensor]:
        """See :meth:`StepNetwork.quantise`."""
        latent = self.analyse(image, step).float()
        hyper_hat, hyper_bits = self.quantise_hyper(latent, step)
        scale, mean = self.predict(hyper_hat, step)
        with full_precision(latent):
            _, likelihood = self.gaussian_conditional(latent, scale, means=mean)
            bits = -torch.log2(likelihood).sum(dim=1, keepdim=True)
        return Latent(round_through(latent - mean) + mean, scale), bits + hyper_bits

    def prepare(self) -> None:
        """See :meth:`StepNetwork.prepare`."""
        self.gaussian_conditional.update_scale_table(SCALE_TABLE)
        self.update(force=True)

    def encode(self, image: Tensor, step: Tensor) -> tuple[bytes, bytes]:
        """See :meth:`StepNetwork.encode`."""
        latent = self.analyse(image, step)
        hyper_stream, hyper_hat = self.encode_hyper(latent, step)
        scale, mean = self.predict(hyper_hat, step)
        indexes = self.gaussian_conditional.build_indexes(scale)
        return hyper_stream, self.gaussian_conditional.compress(latent, indexes, means=mean)[0]

    def decode(self, hyper: bytes, latent: bytes, step: Tensor) -> Latent:
        """See :meth:`StepNetwork.decode`."""
        scale, mean = self.predict(self.decode_hyper(hyper, step), step)
        indexes = self.gaussian_conditional.build_indexes(scale)
        values = self.gaussian_conditional.decompress([latent], indexes, means=mean)
        return Latent(values, scale)

    def fast_parameters(self) -> list[nn.Parameter]:
        """See :meth:`StepNetwork.fast_parameters`."""
        return list(self.entropy_bottleneck.parameters())
