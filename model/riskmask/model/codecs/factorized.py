"""``factorized``: the transforms with a factorised prior and no side information.

Ballé, Laparra and Simoncelli, "End-to-end optimized image compression" (ICLR 2017), with the
density of Ballé et al. (ICLR 2018, appendix 6.1) as CompressAI codes it. The published networks
have one density per rate; here one density per channel, over the coefficient itself, serves all
rates: a symbol's probability is its integral over a bin as wide as the quantiser's step. GDN and
the published strided convolutions give way to the shared transforms.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from riskmask.model.codecs.layers import StepEmbedding
from riskmask.model.codecs.learned import LearnedCodec
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

_TAIL = 1e-5  # mass outside of a table; such symbols take an escape code
_LONGEST = 511  # symbols to each side of zero that a table holds
_KEPT = 64  # steps whose tables are kept; a picture with one level needs one

# Cumulative tables, their lengths, and the symbol that each begins at.
Tables = tuple[list[list[int]], list[int], list[int]]


class StepBottleneck(EntropyBottleneck):  # type: ignore[misc]
    """The factorised density over normalised coefficients, integrated over bins of any width."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, tail_mass=_TAIL, init_scale=3)
        # Found by bisection when the tables are made, not by an auxiliary loss.
        self.quantiles.requires_grad_(False)

    def update(self, force: bool = False, update_quantiles: bool = False) -> bool:
        """Find where each density ends; :meth:`tables` depend on the picture's steps."""
        self._update_quantiles(search_radius=1e3)
        return True

    def mass(self, symbols: Tensor, width: Tensor) -> Tensor:
        """Probability of each symbol, both (B, C, h, w); width of a bin in normalised units."""
        channels, shape = symbols.shape[1], symbols.transpose(0, 1).shape

        def flat(x: Tensor) -> Tensor:
            return x.transpose(0, 1).reshape(channels, 1, -1)

        lower = self._logits_cumulative(flat((symbols - 0.5) * width), stop_gradient=False)
        upper = self._logits_cumulative(flat((symbols + 0.5) * width), stop_gradient=False)
        # Both tails are computed at the end where the sigmoid keeps its digits.
        sign = -torch.sign(lower + upper).detach()
        mass = torch.abs(torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower))
        mass = self.likelihood_lower_bound(mass)
        return torch.as_tensor(mass.reshape(shape).transpose(0, 1))

    @torch.no_grad()
    def tables(self, width: Tensor) -> Tables:
        """Tables of all channels for bins of (C,) widths."""
        half = torch.ceil(self.quantiles[:, 0].abs().amax(dim=1) / width)
        half = half.clamp(1, _LONGEST).int()
        longest = 2 * int(half.max()) + 1
        place = torch.arange(longest)[None, :]
        symbols = (place - half[:, None]).float()
        mass = self.mass(symbols[None, :, None], width[None, :, None, None])[0, :, 0]
        inside = place < 2 * half[:, None] + 1
        outside = (1 - (mass * inside).sum(dim=1, keepdim=True)).clamp(min=_TAIL)
        made = self._pmf_to_cdf(mass, outside, 2 * half + 1, longest)
        return made.tolist(), (2 * half + 3).tolist(), (-half).tolist()


class FactorizedNetwork(StepNetwork):
    """The transforms around a factorised prior."""

    def __init__(self, shape: TransformShape | None = None) -> None:
        shape = shape or TransformShape()
        super().__init__(shape)
        self.bottleneck = StepBottleneck(shape.latent)
        # How the density's spread deviates from the measured one as the step changes.
        self.stretch = StepEmbedding(shape.latent)
        last = cast(nn.Conv2d, self.stretch[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(cast(Tensor, last.bias))
        self._made: dict[float, Tables] = {}

    def bin_width(self, step: Tensor) -> Tensor:
        """Width of a bin in spreads of each channel, (B, C, h, w) for a (B, 1, h, w) step map."""
        log_spread = self.log_sigma[None, :, None, None] + self.stretch(centred_log(step)).float()
        return torch.exp(torch.log(step / PEAK) - log_spread)

    def quantise(self, image: Tensor, step: Tensor) -> tuple[Latent, Tensor]:
        """See :meth:`StepNetwork.quantise`."""
        latent = self.analyse(image, step).float()
        width = self.bin_width(step)
        with full_precision(latent):
            mode = "noise" if self.training else "dequantize"
            mass = self.bottleneck.mass(self.bottleneck.quantize(latent, mode), width)
            bits = -torch.log2(mass).sum(dim=1, keepdim=True)
        return Latent(round_through(latent), 1 / width), bits

    def prepare(self) -> None:
        """See :meth:`StepNetwork.prepare`; tables are made when a picture needs them."""
        self.update(force=True)
        self._made.clear()

    def encode(self, image: Tensor, step: Tensor) -> tuple[bytes, bytes]:
        """See :meth:`StepNetwork.encode`."""
        symbols = torch.round(self.analyse(image, step)).int()
        indexes, tables = self._tables(step)
        coder = self.bottleneck.entropy_coder
        return b"", coder.encode_with_indexes(symbols.flatten().tolist(), indexes, *tables)

    def decode(self, hyper: bytes, latent: bytes, step: Tensor) -> Latent:
        """See :meth:`StepNetwork.decode`."""
        indexes, tables = self._tables(step)
        symbols = self.bottleneck.entropy_coder.decode_with_indexes(latent, indexes, *tables)
        width = self.bin_width(step)
        return Latent(torch.tensor(symbols, dtype=torch.float32).reshape(width.shape), 1 / width)

    def fast_parameters(self) -> list[nn.Parameter]:
        """See :meth:`StepNetwork.fast_parameters`."""
        return [p for p in self.bottleneck.parameters() if p.requires_grad]

    def _tables(self, step: Tensor) -> tuple[list[int], Tables]:
        """Index of each symbol's table, and the tables of all channels at each step in use."""
        steps, place = torch.unique(step, return_inverse=True)
        channels = self.shape.latent
        indexes = place * channels + torch.arange(channels).reshape(1, -1, 1, 1)
        tables: Tables = ([], [], [])
        for value in steps.tolist():
            if value not in self._made:
                while len(self._made) >= _KEPT:
                    self._made.pop(next(iter(self._made)))
                width = self.bin_width(torch.full((1, 1, 1, 1), value))
                self._made[value] = self.bottleneck.tables(width.flatten())
            for part, made in zip(tables, self._made[value], strict=True):
                part += made  # type: ignore[operator]
        return indexes.flatten().tolist(), tables


class Factorized(LearnedCodec):
    """Variable-rate factorised prior."""

    name = "factorized"
    network_class = FactorizedNetwork
