"""The network of the diffusion decoder: from a noisy picture to a clean one, given the latent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from riskmask.model.codecs.layers import PixelBlock, StepEmbedding

_FACTOR = 4
# Deviation of a picture from its mean reconstruction, in units of the peak: about 10 grey values.
RESIDUAL = 0.04


class Denoiser(nn.Module):
    """A small U-Net on 4x4-unshuffled pixels (1/4, 1/8 and 1/16 resolution).

    It predicts the clean picture ("x-prediction") as a correction of the mean reconstruction; the
    correction starts at zero. Convolutions only, so it works on any size.

    Args:
        latent: channels of the latent.
        width: at 1/4 resolution; half as much again at 1/8, twice as much at 1/16.
    """

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        pixels = 3 * _FACTOR**2
        middle, deep = width * 3 // 2, width * 2
        self.enter = nn.Conv2d(2 * pixels, width, 3, padding=1)
        self.down = nn.Conv2d(width, middle, 2, stride=2)
        self.deeper = nn.Conv2d(middle, deep, 2, stride=2)
        self.latent = nn.Conv2d(2 * latent, deep, 1)
        self.up = nn.ConvTranspose2d(deep, middle, 2, stride=2)
        self.upper = nn.ConvTranspose2d(middle, width, 2, stride=2)
        self.leave = nn.Conv2d(width, pixels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        widths = (width, middle, deep, deep, middle, width)
        self.blocks = nn.ModuleList(PixelBlock(channels) for channels in widths)
        self.noise = nn.ModuleList(StepEmbedding(channels) for channels in widths)
        self.step = nn.ModuleList(StepEmbedding(channels) for channels in widths)

    def forward(
        self, noisy: Tensor, noise: Tensor, mean: Tensor, clues: Tensor, log_step: Tensor
    ) -> Tensor:
        """The clean picture.

        Args:
            noisy: (B, 3, H, W), the picture plus noise.
            noise: (B, 1, 1, 1), the noise's deviation in units of the peak.
            mean: (B, 3, H, W), the reconstruction to correct.
            clues: (B, 2 * latent, H/16, W/16), what the stream says.
            log_step: (B, 1, H/16, W/16), centred.

        Returns:
            (B, 3, H, W), not clamped.
        """
        base = mean.detach()
        residual = (noisy - base) / (noise.square() + RESIDUAL**2).sqrt()
        factors = (4, 2, 1, 1, 2, 4)  # from the latent's grid to each block's
        told = iter(
            self._told(index, noise, log_step, factor) for index, factor in enumerate(factors)
        )
        blocks = iter(self.blocks)
        both = torch.cat([residual, base - 0.5], dim=1)
        fine = next(blocks)(self.enter(nn.functional.pixel_unshuffle(both, _FACTOR)), next(told))
        half = next(blocks)(self.down(fine), next(told))
        deep = next(blocks)(self.deeper(half) + self.latent(clues), next(told))
        deep = next(blocks)(deep, next(told))
        half = next(blocks)(half + self.up(deep), next(told))
        fine = next(blocks)(fine + self.upper(half), next(told))
        return mean + nn.functional.pixel_shuffle(self.leave(fine), _FACTOR)

    def _told(self, index: int, noise: Tensor, log_step: Tensor, factor: int) -> Tensor:
        """Noise level and step, at the resolution of a block."""
        step = nn.functional.interpolate(
            self.step[index](log_step), scale_factor=factor, mode="nearest"
        )
        return torch.as_tensor(step + self.noise[index](torch.log(noise) / 2 + 1.5))
