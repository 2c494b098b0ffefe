"""Training of the ``cdc`` codec: rate, the mean picture, and a denoiser behind it.

Yang and Mandt (NeurIPS 2023), equation 9: rate, denoising error and a perceptual distance that
weighs rho. The distance there is LPIPS; here it compares how strong each DCT band is in each place.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from riskmask.model.codecs.cdc import LEAST_NOISE, MOST_NOISE, CdcNetwork
from riskmask.model.codecs.layers import BLOCK, dct_kernels
from riskmask.model.codecs.transforms import full_precision
from riskmask.model.train.objectives import Figures, RateDistortion, multiplier, squared_error

_BAND = 8  # side of the blocks in which bands are measured
_LUMA = (0.299, 0.587, 0.114)
_VISIBLE = 1 / 255  # a band weaker than about a grey value is as good as none


class Diffusion(RateDistortion):
    """Rate-distortion of the mean picture plus denoising at a noise level drawn crop by crop."""

    network: CdcNetwork

    def loss(self, image: Tensor, step: Tensor, *, bf16: bool) -> tuple[Tensor, Figures]:
        """See :class:`~riskmask.model.train.objectives.Objective`."""
        rho = self.network.shape.rho
        share = torch.rand(len(image), 1, 1, 1, device=image.device)
        noise = torch.exp(math.log(MOST_NOISE) + share * math.log(LEAST_NOISE / MOST_NOISE))
        noisy = image + noise * torch.randn_like(image)
        with torch.autocast(image.device.type, torch.bfloat16, enabled=bf16):
            latent, bits = self.network.quantise(image, step)
            mean = self.network.mean_image(latent, step)
            clean = self.network.denoise(noisy, noise, mean, latent, step)
        bpp = bits.mean(dim=(1, 2, 3)) / BLOCK**2
        worth = multiplier(step)
        squared = squared_error(mean, image)
        denoised = squared_error(clean, image)
        # The mean picture's error keeps the latent honest where little noise tells everything.
        distortion = (worth * (squared + denoised)).mean(dim=(1, 2, 3)) / 2
        texture = band_distance(clean, image)
        priced = (bpp + (1 - rho) * distortion) / (self.balance + bpp.detach())
        return (priced + rho * texture).mean(), {
            "bpp": bpp.mean().item(),
            "mse": squared.mean().item(),
            "denoised": denoised.mean().item(),
            "texture": texture.mean().item(),
        }


def band_distance(image: Tensor, original: Tensor) -> Tensor:
    """How differently strong the bands of two pictures are, place by place, (B,) in [0, 1].

    Args:
        image, original: (B, 3, H, W) in units of the peak; sides of at least 16.
    """
    with full_precision(image):
        kernels = _bands().to(image.device)
        weights = torch.tensor(_LUMA, device=image.device).reshape(1, 3, 1, 1)
        strengths = []
        for picture in (image.float(), original.float()):
            luma = (picture * weights).sum(dim=1, keepdim=True)
            bands = nn.functional.conv2d(luma, kernels, stride=_BAND // 2)
            energy = nn.functional.avg_pool2d(bands.square(), 3, stride=1)
            strengths.append(torch.sqrt(energy + _VISIBLE**2))
        one, other = strengths
        return ((one - other).abs() / (one + other)).mean(dim=(1, 2, 3))


def _bands() -> Tensor:
    """(63, 1, 8, 8) orthonormal DCT kernels, all but the constant one."""
    kernels = dct_kernels(_BAND).reshape(-1, 1, _BAND, _BAND)
    return kernels[1:].float()
