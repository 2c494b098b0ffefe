"""Building blocks of the reference codec: a trainable DCT, and blocks that know the step.

Networks of plain strided convolutions need days from a random start. These start as an
orthonormal 16x16 block transform (residual branches begin at zero), so that training only
improves a codec that already works. The synthesis is shallow in the spirit of Yang and Mandt,
"Computationally-efficient neural image compression with shallow decoders" (ICCV 2023).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BLOCK = 16

# Orthonormal luma-chroma rotation of RGB (the KLT of strongly correlated channels).
_ROTATION = torch.tensor(
    [
        [1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)],
        [1 / math.sqrt(2), 0.0, -1 / math.sqrt(2)],
        [1 / math.sqrt(6), -2 / math.sqrt(6), 1 / math.sqrt(6)],
    ]
)


def dct_kernels(side: int) -> Tensor:
    """Orthonormal DCT-II kernels of square blocks, by vertical and horizontal frequency.

    Returns:
        (side, side, side, side) float64, in the order u, v, y, x.
    """
    position = torch.arange(side, dtype=torch.float64)
    cosine = torch.cos(math.pi * (position + 0.5) * position[:, None] / side) * math.sqrt(2 / side)
    cosine[0] /= math.sqrt(2)
    return torch.einsum("uy,vx->uvyx", cosine, cosine)


def dct_basis(luma: int, chroma: int) -> Tensor:
    """Orthonormal 16x16 DCT-II kernels of the lowest frequencies of each rotated channel.

    Args:
        luma: how many luma frequencies, in order of rising radial frequency.
        chroma: the same for each of the two chroma channels.

    Returns:
        (luma + 2 * chroma, 3, 16, 16) float32 convolution kernels; their rows are orthonormal.
    """
    kernels = dct_kernels(BLOCK).reshape(-1, BLOCK, BLOCK)
    frequency = torch.arange(BLOCK)
    u, v = torch.meshgrid(frequency, frequency, indexing="ij")
    order = torch.argsort((u**2 + v**2).flatten(), stable=True)
    rows = []
    for channel, count in enumerate((luma, chroma, chroma)):
        rows.append(
            torch.einsum("c,kyx->kcyx", _ROTATION[channel].double(), kernels[order[:count]])
        )
    return torch.cat(rows).float()


class StepEmbedding(nn.Sequential):
    """Pointwise features of the log step map: (B, 1, H, W) -> (B, channels, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Conv2d(1, 32, 1), nn.GELU(), nn.Conv2d(32, channels, 1))


class StepBlock(nn.Module):
    """Bottleneck residual block on the latent grid that is told the quantiser's log step.

    The last layer starts at zero, so the block starts as the identity.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, width, 1)
        self.step = StepEmbedding(width)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.expand = nn.Conv2d(width, channels, 1)
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, log_step: Tensor) -> Tensor:
        """(B, C, h, w) latent and (B, 1, h, w) log step -> (B, C, h, w)."""
        hidden = nn.functional.gelu(self.reduce(x) + self.step(log_step))
        hidden = nn.functional.gelu(self.mix(hidden))
        return torch.as_tensor(x + self.expand(hidden))


class PixelRefinement(nn.Module):
    """Zero-initialised correction of the reconstruction on 4x4-unshuffled pixels."""

    FACTOR = 4

    def __init__(self, width: int) -> None:
        super().__init__()
        pixels = 3 * self.FACTOR**2
        self.enter = nn.Conv2d(pixels, width, 3, padding=1)
        self.step = StepEmbedding(width)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, pixels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, log_step: Tensor) -> Tensor:
        """(B, 3, H, W) image and (B, 1, H/16, W/16) log step -> (B, 3, H, W)."""
        embedded = nn.functional.interpolate(
            self.step(log_step), scale_factor=BLOCK // self.FACTOR, mode="nearest"
        )
        hidden = nn.functional.pixel_unshuffle(x, self.FACTOR)
        hidden = nn.functional.gelu(self.enter(hidden) + embedded)
        hidden = nn.functional.gelu(self.mix(hidden))
        return x + nn.functional.pixel_shuffle(self.leave(hidden), self.FACTOR)


class PixelBlock(nn.Module):
    """Residual block of two 3x3 convolutions that is told something per place.

    The last layer starts at zero, so the block starts as the identity. No operator of global
    extent: what is generated at a place depends on its neighbourhood alone.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(B, C, h, w) features and what they are told, broadcastable -> (B, C, h, w)."""
        hidden = nn.functional.gelu(self.mix(nn.functional.gelu(x + told)))
        return torch.as_tensor(x + self.leave(hidden))
