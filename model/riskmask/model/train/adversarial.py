"""Adversarial training of the ``hific`` synthesis: a conditional patch discriminator.

Mentzer et al. (NeurIPS 2020), section 3.2: the discriminator sees a picture together with the
latent that it was decoded from; non-saturating loss, spectral normalisation. Their LPIPS distance
needs a pretrained network; here the discriminator's own features take its place.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, pixel_unshuffle, softplus
from torch.nn.utils.parametrizations import spectral_norm

from riskmask.model.codecs.hific import INTENSITIES, HificNetwork
from riskmask.model.codecs.layers import BLOCK
from riskmask.model.codecs.transforms import Latent
from riskmask.model.train.objectives import Figures, multiplier, squared_error

ADVERSARIAL = 0.3  # of the generator's loss, beside a distortion of about one
PERCEPTUAL = 1.0
_FACTOR = 4
_CLUES = 12  # channels of the latent, as published


class Discriminator(nn.Module):
    """Patch discriminator on 4x4-unshuffled pixels and the latent; logits per 16x16 pixels."""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.clues = nn.Conv2d(latent, _CLUES, 3, padding=1)
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
        """(B, 3, H, W) and (B, C, H/16, W/16) in steps -> logits and features of each layer."""
        clues = interpolate(self.clues(torch.asinh(latent)), scale_factor=BLOCK // _FACTOR)
        hidden = torch.cat([pixel_unshuffle(image - 0.5, _FACTOR), clues], dim=1)
        features = []
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
        return (distortion + weight * perceived).mean(), {
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


def _unlike(made: Tensor, wanted: Tensor) -> Tensor:
    """Distance of two layers' features, per picture: local means and deviations over 4x4 cells.

    A texture that has only moved costs little, one that is missing costs much.
    """
    size = min(4, made.shape[-1])
    distances = []
    moments = []
    for features in (made.float(), wanted.float()):
        mean = avg_pool2d(features, size)
        spread = (avg_pool2d(features.square(), size) - mean.square()).clamp(min=0)
        moments.append((mean, torch.sqrt(spread + 1e-6)))
    for one, other in zip(*moments, strict=True):
        distances.append((one - other).abs().mean(dim=(1, 2, 3)))
    return torch.stack(distances).sum(dim=0)
