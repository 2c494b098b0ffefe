"""``channel-ar``: the hyperprior with channels conditioned on the channels before.

Minnen and Singh, "Channel-wise autoregressive entropy models for learned image compression" (ICIP
2020): the latent is coded in groups of channels, each one's mean and scale conditioned on the
side information and on the groups before, and each group's rounding error is predicted and added
back (latent residual prediction). Groups hold rising frequencies, luma and chroma together. All
groups share one stream, where CompressAI's ``ChannelGroupsLatentCodec`` writes one each, and knows
no residual prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.codecs.network import HyperpriorNetwork, Shape
from riskmask.model.codecs.transforms import Latent, full_precision, round_through
from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

from compressai.ans import BufferedRansEncoder, RansDecoder  # noqa: E402

# What becomes of one group, given its channels, scales and means: the values that are kept.
Take = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ChannelArShape(Shape):
    """Sizes of the network; stored beside its weights.

    Attributes:
        groups: number of channel groups (10 as published, for 320 channels).
        context: width of the networks between the groups.
    """

    groups: int = 8
    context: int = 80


class GroupNetwork(nn.Sequential):
    """A small network on the latent grid whose last layer starts at zero."""

    def __init__(self, inputs: int, width: int, outputs: int, reach: int) -> None:
        last = nn.Conv2d(width, outputs, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        super().__init__(
            nn.Conv2d(inputs, width, 1),
            nn.GELU(),
            nn.Conv2d(width, width, reach, padding=reach // 2),
            nn.GELU(),
            last,
        )


class ChannelArNetwork(HyperpriorNetwork):
    """The hyperprior's network; what the groups add starts at zero."""

    SHAPE = ChannelArShape
    shape: ChannelArShape

    def __init__(self, shape: ChannelArShape = ChannelArShape()) -> None:
        super().__init__(shape)
        self.groups = _groups(shape)
        inputs = shape.latent + shape.width
        # The first group has none before it: the side information says all.
        self.group_context = nn.ModuleList(
            GroupNetwork(inputs, shape.context, 2 * len(group), reach=3)
            for group in self.groups[1:]
        )
        self.group_residual = nn.ModuleList(
            GroupNetwork(inputs, shape.context, len(group), reach=1) for group in self.groups
        )

    def quantise(self, image: Tensor, step: Tensor) -> tuple[Latent, Tensor]:
        """See :meth:`StepNetwork.quantise`."""
        latent = self.analyse(image, step).float()
        hyper_hat, bits = self.quantise_hyper(latent, step)
        spent: list[Tensor] = [bits]

        def take(channels: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            own = latent[:, channels]
            with full_precision(own):
                _, likelihood = self.gaussian_conditional(own, scale, means=mean)
                spent.append(-torch.log2(likelihood).sum(dim=1, keepdim=True))
            return round_through(own - mean) + mean

        coded = self._walk(hyper_hat, step, take)
        return coded, torch.stack(spent).sum(dim=0)

    def encode(self, image: Tensor, step: Tensor) -> tuple[bytes, bytes]:
        """See :meth:`StepNetwork.encode`."""
        latent = self.analyse(image, step)
        hyper_stream, hyper_hat = self.encode_hyper(latent, step)
        encoder, tables = BufferedRansEncoder(), self._tables()

        def take(channels: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            model = self.gaussian_conditional
            symbols = model.quantize(latent[:, channels], "symbols", mean)
            indexes = model.build_indexes(scale)
            encoder.encode_with_indexes(
                symbols.flatten().tolist(), indexes.flatten().tolist(), *tables
            )
            return torch.as_tensor(model.dequantize(symbols, mean))

        self._walk(hyper_hat, step, take)
        return hyper_stream, encoder.flush()

    def decode(self, hyper: bytes, latent: bytes, step: Tensor) -> Latent:
        """See :meth:`StepNetwork.decode`."""
        decoder, tables = RansDecoder(), self._tables()
        decoder.set_stream(latent)

        def take(channels: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            model = self.gaussian_conditional
            indexes = model.build_indexes(scale)
            symbols = decoder.decode_stream(indexes.flatten().tolist(), *tables)
            return torch.as_tensor(
                model.dequantize(torch.tensor(symbols).reshape(scale.shape), mean)
            )

        return self._walk(self.decode_hyper(hyper, step), step, take)

    def _walk(self, hyper_hat: Tensor, step: Tensor, take: Take) -> Latent:
        """Group after group; encoder, decoder and estimate all go this one way."""
        context = self.context(hyper_hat, step)
        base_scale, base_mean = self.gaussians(context, step)
        values = torch.zeros_like(base_mean)
        scales = torch.zeros_like(base_scale)
        for number, group in enumerate(self.groups):
            channels = torch.tensor(group, device=step.device)
            scale, mean = base_scale[:, channels], base_mean[:, channels]
            if number:
                known = torch.cat([torch.asinh(values), context], dim=1).contiguous()
                said = self.group_context[number - 1](known).float()
                spread, shift = said.chunk(2, dim=1)
                mean = mean + shift * scale
                scale = scale * torch.exp(spread.clamp(-4.0, 4.0))
            kept = take(channels, scale, mean)
            so_far = values.index_copy(1, channels, kept)
            known = torch.cat([torch.asinh(so_far), context], dim=1).contiguous()
            residual = 0.5 * torch.tanh(self.group_residual[number](known).float())
            values = values.index_copy(1, channels, kept + residual)
            scales = scales.index_copy(1, channels, scale)
        return Latent(values, scales)

    def _tables(self) -> tuple[list[list[int]], list[int], list[int]]:
        model = self.gaussian_conditional
        return model.quantized_cdf.tolist(), model.cdf_length.tolist(), model.offset.tolist()


def _groups(shape: ChannelArShape) -> tuple[tuple[int, ...], ...]:
    """Channels of each group: rising frequencies, the same share of luma and of both chromas.

    Raises:
        ValueError: a group would be empty.
    """
    if not 1 <= shape.groups <= min(shape.luma, max(shape.chroma, 1)):
        raise ValueError("there must be at least one luma and one chroma channel for each group")
    groups = []
    for number in range(shape.groups):
        channels: list[int] = []
        start = 0
        for count in (shape.luma, shape.chroma, shape.chroma):
            first, last = (count * part // shape.groups for part in (number, number + 1))
            channels += range(start + first, start + last)
            start += count
        groups.append(tuple(channels))
    return tuple(groups)


class ChannelAr(LearnedCodec):
    """Variable-rate channel-wise autoregressive codec."""

    name = "channel-ar"
    network_class = ChannelArNetwork
