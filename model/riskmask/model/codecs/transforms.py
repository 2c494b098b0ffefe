"""What all learned codecs here have in common: transforms that start as a DCT and know the step.

One network serves all rates: the latent is divided by a quantiser step before rounding and
multiplied after (a gain unit, as in Cui et al., "Asymmetric gained deep image compression", CVPR
2021). The step is a map over the latent grid, so bits can be moved in space. An architecture adds
its entropy model, and another synthesis where it has one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from riskmask.model.codecs.layers import BLOCK, PixelRefinement, StepBlock, dct_basis
from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

from compressai.models import CompressionModel  # noqa: E402

PEAK = 255.0


@dataclass(frozen=True)
class TransformShape:
    """Sizes of the transforms; stored beside the weights.

    Attributes:
        luma, chroma: frequencies kept of luma and of each of the two chroma channels.
        width: of the residual blocks on the latent grid.
        refine: of the correction on pixels.
    """

    luma: int = 176
    chroma: int = 40
    width: int = 128
    refine: int = 64

    @property
    def latent(self) -> int:
        """Channels of the latent."""
        return self.luma + 2 * self.chroma


@dataclass(frozen=True)
class Latent:
    """A quantised latent, as encoder and decoder both know it.

    Attributes:
        values: (B, C, H/16, W/16) float32 in quantiser steps.
        scale: the same shape: the standard deviations that the entropy model predicted.
    """

    values: Tensor
    scale: Tensor


@dataclass(frozen=True)
class Coded:
    """What a forward pass yields.

    Attributes:
        image: (B, 3, H, W) float32, nominally in [0, 1] (not clamped).
        bits: (B, 1, H/16, W/16) float32, estimated bits per latent cell, both streams.
    """

    image: Tensor
    bits: Tensor


class StepNetwork(CompressionModel):  # type: ignore[misc]
    """Analysis and synthesis; subclasses add the entropy model between them.

    Works on (B, 3, H, W) float32 RGB in [0, 1], H and W multiples of ``STRIDE``, and on step maps
    (B, 1, H/16, W/16) float32 in 8-bit grey values.
    """

    STRIDE = BLOCK
    SIDE_INFORMATION = False  # whether a stream has a hyper part
    SHAPE: type[TransformShape] = TransformShape

    def __init__(self, shape: TransformShape) -> None:
        super().__init__()
        self.shape = shape
        latent, width = shape.latent, shape.width
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
        # Standard deviation of each coefficient, in units of the peak; measured before training.
        self.log_sigma = nn.Parameter(torch.full((latent,), math.log(0.1)))

    # ---- the transforms ------------------------------------------------------------------

    def analyse(self, image: Tensor, step: Tensor) -> Tensor:
        """Latent in quantiser steps, (B, C, H/16, W/16)."""
        log_step = centred_log(step)
        latent = self.analysis(image - 0.5)
        for block in self.encode_blocks:
            latent = block(latent, log_step)
        return torch.as_tensor(latent * (PEAK / step))

    def synthesise(self, latent: Latent, step: Tensor) -> Tensor:
        """Image from a latent, (B, 3, H, W), not clamped."""
        return self.mean_image(latent, step)

    def mean_image(self, latent: Latent, step: Tensor) -> Tensor:
        """The image that the transforms alone give, without what a generator adds."""
        log_step = centred_log(step)
        values = latent.values * (step / PEAK)
        for block in self.decode_blocks:
            values = block(values, log_step)
        return torch.as_tensor(self.refinement(self.synthesis(values) + 0.5, log_step))

    @torch.no_grad()
    def measure_spread(self, images: Tensor) -> None:
        """Start the entropy model from the coefficients' real spread in (N, 3, H, W) images."""
        spread = self.analysis(images - 0.5).std(dim=(0, 2, 3)).clamp(min=1e-4)
        self.log_sigma.copy_(torch.log(spread))

    # ---- the entropy model ---------------------------------------------------------------

    def quantise(self, image: Tensor, step: Tensor) -> tuple[Latent, Tensor]:
        """Rounded latent, and bits per latent cell of all streams (B, 1, H/16, W/16).

        Training sees noise in the rate and lets gradients through the rounding.
        """
        raise NotImplementedError

    def prepare(self) -> None:
        """Make the tables that the entropy coder needs, from the weights."""
        raise NotImplementedError

    def encode(self, image: Tensor, step: Tensor) -> tuple[bytes, bytes]:
        """Hyper stream (empty where there is none) and latent stream of one image."""
        raise NotImplementedError

    def decode(self, hyper: bytes, latent: bytes, step: Tensor) -> Latent:
        """Exactly the latent that :meth:`quantise` gave, from the two streams."""
        raise NotImplementedError

    # ---- training ------------------------------------------------------------------------

    def fast_parameters(self) -> list[nn.Parameter]:
        """Parameters of the factorised prior: a handful a channel, which must follow quickly."""
        return []

    def forward(self, image: Tensor, step: Tensor) -> Coded:
        """Code and decode in one differentiable pass."""
        latent, bits = self.quantise(image, step)
        return Coded(image=self.synthesise(latent, step), bits=bits)


def centred_log(step: Tensor) -> Tensor:
    """Log step, about [-1, 1] over the common scale."""
    return (torch.log(step) - 4.4) / 1.65


def round_through(x: Tensor) -> Tensor:
    """Rounded, with the gradient of the identity."""
    return x + (torch.round(x) - x).detach()


@contextmanager
def full_precision(tensor: Tensor) -> Iterator[None]:
    """Keep entropy models in float32 where the transforms run in bfloat16."""
    with torch.autocast(tensor.device.type, enabled=False):
        yield
