"""Adversarial training of the ``hific`` synthesis: a conditional patch discriminator.

Mentzer et al. (NeurIPS 2020), section 3.2: the discriminator sees a picture together with the
latent that it was decoded from; non-saturating loss, spectral normalisation. Their LPIPS distance
needs a pretrained network; here the discriminator's own features take its place.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, softplus
from torch.nn.utils.parametrizations import spectral_norm

from riskmask.model.codecs.hific import INTENSITIES, HificNetwork
from riskmask.model.codecs.layers import BLOCK, dct_kernels
from riskmask.model.codecs.transforms import Latent
from riskmask.model.train.objectives import Figures, multiplier, squared_error

# Weights of the generator's loss. The distortion, divided by the rate, is about one.
DISTORTION = 0.25
ADVERSARIAL = 0.3
PERCEPTUAL = 4.0
_FACTOR = 4
_RISE = 6.0  # of a band's strength with its frequency, against the mean's
_CLUES = 12  # channels of the latent, as published


class Discriminator(nn.Module):
    """Patch discriminator on 4x4 blocks and the latent; logits per 16x16 pixels.

    It sees each block's DCT, its bands about as strong as one another: amplitudes in photographs
    fall with frequency (Field 1987), and what a generator has to make up is the weakest of them.
    """

    bands: Tensor

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.clues = nn.Conv2d(latent, _CLUES, 3, padding=1)
        self.register_buffer("bands", _whitening(), persistent=False)
        self.layers = nn.ModuleList(
            spectral_norm(layer)
            for layer in (
                nn.Conv2d(3 * _FACTOR**2 + _CLUES, width, 3, padding=1),
                nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
                nn.Conv2d(2 * width, 2 * width, 4, stride=2, padding=1),
            )
        )
        self.head = spectral_norm(nn.Conv2d(2 * width, 1, 1))

    def forward(self, image: Tensor, latent: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, 3, H, W) and (B, C, H/16, W/16) in steps -> logits, and the bands and each layer."""
        clues = interpolate(self.clues(torch.asinh(latent)), scale_factor=BLOCK // _FACTOR)
        bands = conv2d(image - 0.5, self.bands, stride=_FACTOR, groups=3)
        hidden = torch.cat([bands, clues], dim=1)
        features = [bands]
        for layer in self.layers:
            hidden = leaky_relu(layer(hidden), 0.2)
            features.append(hidden)
        return self.head(hidden), features


class Adversarial:
    """The generator against the discriminator, at intensities drawn crop by crop.

    Args:
        network: whose encoder and entropy model stay as they are.
        balance: bpp added to a crop's rate before its distortion is divided by it.
        width: of the discriminator.
    """

    def __init__(self, network: HificNetwork, balance: float, width: int = 64) -> None:
        self.network = network
        self.balance = balance
        device = network.log_sigma.device
        self.discriminator = Discriminator(network.shape.latent, width).to(device)
        self.optimiser = torch.optim.Adam(self.discriminator.parameters(), betas=(0.5, 0.9))
        self._pair: tuple[Tensor, Tensor, Tensor] | None = None

    def parameters(self) -> list[nn.Parameter]:
        """See :class:`~riskmask.model.train.objectives.Objective`."""
        return self.network.generator_parameters()

    def loss(self, image: Tensor, step: Tensor, *, bf16: bool) -> tuple[Tensor, Figures]:
        """See :class:`~riskmask.model.train.objectives.Objective`."""
        latent, bits = self._decoded(image, step)
        bpp = bits.mean(dim=(1, 2, 3)) / BLOCK**2
        strengths = torch.tensor(list(INTENSITIES.values()), device=image.device)
        drawn = torch.randint(len(strengths), (len(image), 1, 1, 1)).to(image.device)
        intensity = strengths[drawn]
        with torch.autocast(image.device.type, torch.bfloat16, enabled=bf16):
            made = self.network.generate(latent, step, intensity)
            self.discriminator.requires_grad_(False)
            logits, features = self.discriminator(made, latent.values)
            with torch.no_grad():
                _, wanted = self.discriminator(image, latent.values)
            self.discriminator.requires_grad_(True)
        squared = squared_error(made, image)
        distortion = (multiplier(step) * squared).mean(dim=(1, 2, 3)) / (self.balance + bpp)
        fooling = softplus(-logits.float()).mean(dim=(1, 2, 3))
        likeness = torch.stack([_unlike(a, b) for a, b in zip(features, wanted, strict=True)])
        weight = intensity[:, 0, 0, 0]
        perceived = ADVERSARIAL * fooling + PERCEPTUAL * likeness.mean(dim=0)
        self._pair = made.detach().float(), image, latent.values
        return (DISTORTION * distortion + weight * perceived).mean(), {
            "bpp": bpp.mean().item(),
            "mse": squared.mean().item(),
            "fooling": fooling.mean().item(),
            "likeness": likeness.mean().item(),
        }

    def after_step(self, rate: float) -> None:
        """See :class:`~riskmask.model.train.objectives.Objective`: the discriminator's turn."""
        if self._pair is None:
            raise RuntimeError("the discriminator learns from the last loss, and there was none")
        made, image, latent = self._pair
        self._pair = None
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        judged, _ = self.discriminator(torch.cat([made, image]), torch.cat([latent, latent]))
        false, true = judged.chunk(2)
        loss = softplus(false).mean() + softplus(-true).mean()
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimiser.step()

    def state(self) -> dict[str, Any]:
        """See :class:`~riskmask.model.train.objectives.Objective`."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """See :class:`~riskmask.model.train.objectives.Objective`."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])

    @torch.no_grad()
    def _decoded(self, image: Tensor, step: Tensor) -> tuple[Latent, Tensor]:
        """The latent as a decoder would have it: rounded, without training's noise."""
        self.network.eval()
        coded = self.network.quantise(image, step)
        self.network.train()
        return coded


def _whitening() -> Tensor:
    """(48, 1, 4, 4) kernels of each colour's DCT bands, stronger with their frequency."""
    frequency = torch.arange(_FACTOR, dtype=torch.float64)
    strength = 1 + _RISE * torch.hypot(frequency[:, None], frequency[None, :])
    kernels = dct_kernels(_FACTOR) * strength[:, :, None, None]
    return kernels.reshape(-1, 1, _FACTOR, _FACTOR).repeat(3, 1, 1, 1).float()


def _unlike(made: Tensor, wanted: Tensor) -> Tensor:
    """Distance of two layers' features, per picture: local means and deviations over 4x4 cells.

    A texture that has only moved costs little, one that is missing costs much. Both count relative
    to the originals', or the layer with the largest features would be all. Where strong and weak
    texture are equally likely, the weak one is the better guess by these; the energy of the whole
    picture, channel by channel, therefore counts too.
    """
    size = min(4, made.shape[-1])
    moments = [_moments(made, size), _moments(wanted, size)]
    distance = torch.zeros(len(made), device=made.device)
    for one, other in zip(*moments, strict=True):
        difference = (one - other).abs().mean(dim=(1, 2, 3))
        distance = distance + difference / (other.abs().mean() + 1e-6)
    mine, original = (spread.square().mean(dim=(2, 3)) for _, spread in moments)
    return distance + (torch.log(mine / original)).abs().mean(dim=1)


def _moments(features: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Local means and deviations, (B, C, h, w) each."""
    features = features.float()
    mean = avg_pool2d(features, size)
    variance = (avg_pool2d(features.square(), size) - mean.square()).clamp(min=0)
    return mean, torch.sqrt(variance + 1e-6)
