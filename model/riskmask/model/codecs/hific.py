"""``hific``: the hyperprior's streams with a synthesis that was trained against a discriminator.

In the manner of Mentzer et al., "High-fidelity generative image compression" (NeurIPS 2020): the
decoder makes up detail that looks like the original's. Encoder and entropy model are the trained
hyperprior's and stay as they are, so a stream costs what the hyperprior's does. The published
generator (9 blocks of 960 channels) gives way to two small parts on top of the shared synthesis:
seeded noise in the places of the coefficients that were rounded away, as strong as the entropy
model's scales allow, and residual blocks on 4x4-unshuffled pixels. The published low, medium and
high are rates; here every rate is one network's, and the three intensities say how much is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from riskmask.model.codecs.layers import BLOCK, PixelBlock, StepEmbedding
from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.codecs.level_curve import REFERENCE_SCALE, LevelCurve
from riskmask.model.codecs.network import HyperpriorNetwork, Shape
from riskmask.model.codecs.transforms import Latent, centred_log

# How strongly the discriminator is heeded, as the generator is told.
INTENSITIES: Mapping[str, float] = {"low": 0.5, "medium": 1.0, "high": 2.0}
_NOISE = 4  # channels of noise for the pixels
_FACTOR = 4
# A coefficient that was rounded to a step is off by a uniform error of this deviation, in steps.
_ROUNDING = 12**-0.5


@dataclass(frozen=True)
class HificShape(Shape):
    """Sizes of the network; stored beside its weights.

    Attributes:
        texture: width of the blocks on pixels.
        blocks: how many of them.
    """

    texture: int = 64
    blocks: int = 3


class HificNetwork(HyperpriorNetwork):
    """The hyperprior's network; what the generator adds starts at zero."""

    SHAPE = HificShape
    shape: HificShape
    SEED = 0

    def __init__(self, shape: HificShape = HificShape()) -> None:
        super().__init__(shape)
        latent, width, texture = shape.latent, shape.width, shape.texture
        pixels = 3 * _FACTOR**2
        self.intensity = INTENSITIES["high"]
        self.fill_step = StepEmbedding(width)
        self.fill_intensity = StepEmbedding(width)
        self.fill_enter = nn.Conv2d(2 * latent, width, 1)
        self.fill_mix = nn.Conv2d(width, width, 3, padding=1)
        self.fill = nn.Conv2d(width, latent, 1)
        self.texture_latent = nn.Conv2d(2 * latent, 16 * _FACTOR**2, 1)
        self.texture_step = StepEmbedding(texture)
        self.texture_intensity = StepEmbedding(texture)
        self.texture_enter = nn.Conv2d(pixels + 16 + _NOISE, texture, 3, padding=1)
        self.texture_blocks = nn.ModuleList(PixelBlock(texture) for _ in range(shape.blocks))
        self.texture = nn.Conv2d(texture, pixels, 3, padding=1)
        for last in (self.fill, self.texture):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def generator_parameters(self) -> list[nn.Parameter]:
        """What adversarial training changes; the encoder and the entropy model are not in it."""
        parts = ("decode_blocks.", "synthesis.", "refinement.", "fill", "texture")
        return [p for name, p in self.named_parameters() if name.startswith(parts)]

    def synthesise(self, latent: Latent, step: Tensor) -> Tensor:
        """See :meth:`StepNetwork.synthesise`; the same noise for every picture of a size."""
        generator = torch.Generator().manual_seed(self.SEED)
        intensity = torch.full((len(step), 1, 1, 1), self.intensity, device=step.device)
        return self.generate(latent, step, intensity, generator)

    def generate(
        self,
        latent: Latent,
        step: Tensor,
        intensity: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Image with made-up detail.

        Args:
            latent: of the stream.
            step: (B, 1, H/16, W/16).
            intensity: (B, 1, 1, 1), one of :data:`INTENSITIES`.
            generator: of the noise, on the CPU; None takes torch's own on the step's device.

        Returns:
            (B, 3, H, W), not clamped.
        """
        log_step = centred_log(step)
        known = torch.cat([torch.asinh(latent.values), torch.log(latent.scale)], dim=1)
        hidden = self.fill_enter(known) + self.fill_step(log_step) + self.fill_intensity(intensity)
        hidden = nn.functional.gelu(self.fill_mix(nn.functional.gelu(hidden)))
        lost = latent.scale.clamp(max=_ROUNDING) * _noise(latent.values.shape, step, generator)
        filled = Latent(latent.values + self.fill(hidden) * lost, latent.scale)
        image = self.mean_image(filled, step)

        rows, columns = step.shape[-2] * BLOCK // _FACTOR, step.shape[-1] * BLOCK // _FACTOR
        noise = _noise((len(step), _NOISE, rows, columns), step, generator)
        clues = nn.functional.pixel_shuffle(self.texture_latent(known), _FACTOR)
        pixels = nn.functional.pixel_unshuffle(image - 0.5, _FACTOR)
        told = nn.functional.interpolate(
            self.texture_step(log_step), scale_factor=BLOCK // _FACTOR, mode="nearest"
        ) + self.texture_intensity(intensity)
        hidden = self.texture_enter(torch.cat([pixels, clues, noise], dim=1))
        for block in self.texture_blocks:
            hidden = block(hidden, told)
        return image + nn.functional.pixel_shuffle(self.texture(hidden), _FACTOR)


def _noise(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        return torch.randn(shape, device=like.device)
    return torch.randn(shape, generator=generator).to(like.device)


class Hific(LearnedCodec):
    """Variable-rate generative codec.

    Args:
        network, weights_hash, levels: as of every learned codec.
        intensity: ``low``, ``medium`` or ``high``: how much the decoder makes up. A choice of the
            decoder; the stream is the same.
    """

    name = "hific"
    network_class = HificNetwork

    def __init__(
        self,
        network: Any,
        weights_hash: str,
        levels: LevelCurve = REFERENCE_SCALE,
        *,
        intensity: str = "high",
    ) -> None:
        if intensity not in INTENSITIES:
            raise ValueError(f"intensity must be one of {', '.join(INTENSITIES)}")
        network.intensity = INTENSITIES[intensity]
        super().__init__(network, weights_hash, levels)
