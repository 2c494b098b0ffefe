"""``cdc``: the hyperprior's streams, decoded by a few steps of conditional diffusion.

In the manner of Yang and Mandt, "Lossy image compression with conditional diffusion models"
(NeurIPS 2023): the entropy-coded latent is the context of a denoiser that predicts the clean
picture, and DDIM steps lead from noise to a reconstruction. Differences: the denoiser is small,
corrects the shared synthesis' picture and starts at no correction at all; noise is added without
shrinking the picture (variance-exploding), at deviations down to a grey value or two, since the
context leaves nothing else to be found out; and the perceptual distance of training compares local
band energies, because no pretrained network is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from riskmask.model.codecs.denoiser import Denoiser
from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.codecs.level_curve import REFERENCE_SCALE, LevelCurve
from riskmask.model.codecs.network import HyperpriorNetwork, Shape
from riskmask.model.codecs.transforms import Latent, centred_log

# Deviation of the noise that the way begins and ends with, in units of the peak.
MOST_NOISE = 0.5
LEAST_NOISE = 0.008


@dataclass(frozen=True)
class CdcShape(Shape):
    """Sizes of the network and what it was trained for; stored beside its weights.

    Attributes:
        denoise: width of the denoiser.
        rho: share of the perceptual distance in the loss, in [0, 1] (the paper's rho).
    """

    denoise: int = 48
    rho: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.rho <= 1:
            raise ValueError("rho must lie in [0, 1]")


@dataclass(frozen=True)
class Sampling:
    """How the decoder walks from noise to a picture.

    Attributes:
        steps: DDIM steps, each one pass of the denoiser.
        seed: of the noise; the same seed gives the same picture.
        strength: of the first noise (the paper's gamma); 0 starts from the mean picture.
    """

    steps: int = 6
    seed: int = 0
    strength: float = 0.8

    def __post_init__(self) -> None:
        if self.steps < 1 or not 0 <= self.strength <= 1:
            raise ValueError("sampling needs at least one step and a strength in [0, 1]")


class CdcNetwork(HyperpriorNetwork):
    """The hyperprior's network with a denoiser behind its synthesis."""

    SHAPE = CdcShape
    shape: CdcShape

    def __init__(self, shape: CdcShape = CdcShape()) -> None:
        super().__init__(shape)
        self.sampling = Sampling()
        self.denoiser = Denoiser(shape.latent, shape.denoise)

    def denoise(
        self, noisy: Tensor, noise: Tensor, mean: Tensor, latent: Latent, step: Tensor
    ) -> Tensor:
        """Clean picture that belongs to a noisy one; shapes as in :class:`Denoiser`."""
        clues = torch.cat([torch.asinh(latent.values), torch.log(latent.scale)], dim=1)
        return torch.as_tensor(self.denoiser(noisy, noise, mean, clues, centred_log(step)))

    def synthesise(self, latent: Latent, step: Tensor) -> Tensor:
        """See :meth:`StepNetwork.synthesise`: DDIM (Song et al., ICLR 2021) without new noise."""
        mean = self.mean_image(latent, step)
        generator = torch.Generator().manual_seed(self.sampling.seed)
        drawn = torch.randn(mean.shape, generator=generator).to(mean.device)
        ratio = (LEAST_NOISE / MOST_NOISE) ** (1 / max(self.sampling.steps - 1, 1))
        noisy = mean + self.sampling.strength * MOST_NOISE * drawn
        clean = mean
        for number in range(self.sampling.steps):
            now = MOST_NOISE * ratio**number
            noise = torch.full((len(step), 1, 1, 1), now, device=step.device)
            clean = self.denoise(noisy, noise, mean, latent, step)
            noisy = clean + ratio * (noisy - clean)
        return clean


class Cdc(LearnedCodec):
    """Variable-rate codec with a diffusion decoder.

    Args:
        network, weights_hash, levels: as of every learned codec.
        sampling: how the decoder walks; a choice of the decoder, the stream is the same.
    """

    name = "cdc"
    network_class = CdcNetwork

    def __init__(
        self,
        network: Any,
        weights_hash: str,
        levels: LevelCurve = REFERENCE_SCALE,
        *,
        sampling: Sampling = Sampling(),
    ) -> None:
        network.sampling = sampling
        super().__init__(network, weights_hash, levels)
