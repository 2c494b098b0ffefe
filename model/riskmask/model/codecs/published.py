"""CompressAI's published codecs, with their pretrained weights, behind the codec interface.

Bégaint et al., "CompressAI: a PyTorch library and evaluation platform for end-to-end compression
research" (arXiv 2011.03029). Each architecture comes as six or eight networks, one for each
quality; nothing is loaded before the first picture needs it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from riskmask.model.codecs.base import BitstreamError, LevelMap, Reconstruction
from riskmask.model.codecs.bitstream import LEVEL_STEPS, Container, pack, unpack
from riskmask.model.codecs.layers import BLOCK
from riskmask.model.codecs.published_weights import QUALITIES, Metric, PublishedWeights
from riskmask.model.levels import FINEST
from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

from compressai.models import CompressionModel, JointAutoregressiveHierarchicalPriors  # noqa: E402

PEAK = 255.0
_STORED = 2  # bytes of a network's hash that its streams carry


@dataclass(frozen=True)
class _Loaded:
    """A network ready to code, and the SHA-256 of its weights."""

    network: CompressionModel
    weights: bytes


class PublishedCodec:
    """One architecture and metric of CompressAI's zoo at all of its qualities.

    A level is taken as the quality ``round(level) + 1``, at most the architecture's finest. That is
    nominal, until a codec profile says which level each quality has on the common scale.

    The autoregressive architectures (``mbt2018``, ``cheng2020-*``) round differently when they
    write a stream than when they estimate one, so their ``reconstruct`` goes through a real stream,
    which takes seconds. Networks stay in memory once loaded (12 to 120 MB for each quality).

    Args:
        architecture: a key of :data:`~riskmask.model.codecs.published_weights.QUALITIES`.
        metric: what the weights were trained for.
        folder: holds checkpoints, ``ARCHITECTURE-METRIC-QUALITY*.pth.tar`` or under the names
            that they were published by; None downloads them into torch's own cache.

    Raises:
        ValueError: no such architecture or metric was published.
    """

    def __init__(
        self, architecture: str, metric: Metric = "mse", folder: Path | None = None
    ) -> None:
        if architecture not in QUALITIES:
            raise ValueError(
                f"{architecture} is not a published codec; known are {', '.join(QUALITIES)}"
            )
        if metric not in ("mse", "ms-ssim"):
            raise ValueError(f"codecs were published for mse and ms-ssim, not for {metric}")
        self.name = architecture if metric == "mse" else f"{architecture}-{metric}"
        self._architecture = architecture
        self._metric = metric
        self._folder = folder
        self._loaded: dict[int, _Loaded] = {}

    @property
    def identity(self) -> str:
        """SHA-256 of the networks' parameters at all qualities, which are loaded for it."""
        qualities = range(1, QUALITIES[self._architecture] + 1)
        hashes = b"".join(self._network(quality).weights for quality in qualities)
        return hashlib.sha256(hashes).hexdigest()

    def quality(self, level: float | LevelMap) -> int:
        """The architecture's own quality, from 1, at a level.

        Raises:
            ValueError: the level is outside [0, 7], or a map; one network codes a whole picture.
        """
        value = np.asarray(level, dtype=np.float64)
        if value.ndim != 0:
            raise ValueError(f"{self.name} has one quality for a whole picture, not a level map")
        if not 0 <= value <= FINEST:
            raise ValueError(f"levels must lie in [0, {FINEST:g}]")
        return min(math.floor(float(value) + 0.5) + 1, QUALITIES[self._architecture])

    def bpp(self, image: NDArray[np.uint8], level: float | LevelMap) -> float:
        """See :class:`~riskmask.model.codecs.base.Codec`; raises as :meth:`reconstruct`."""
        return self.reconstruct(image, level).bpp

    @torch.inference_mode()
    def reconstruct(self, image: NDArray[np.uint8], level: float | LevelMap) -> Reconstruction:
        """See :class:`~riskmask.model.codecs.base.Codec`; the rate map is always an estimate.

        Raises:
            PublishedWeightsError: the weights cannot be had.
            ValueError: as :meth:`quality`.
        """
        height, width = image.shape[:2]
        network = self._network(self.quality(level)).network
        padded = _tensor(image, network)
        coded = network(padded)
        bits = _bits(coded["likelihoods"], padded.shape[2] // BLOCK, padded.shape[3] // BLOCK)
        if isinstance(network, JointAutoregressiveHierarchicalPriors):
            stream = self.compress(image, level)
            pixels, total = self.decompress(stream), 8.0 * len(stream)
        else:
            pixels, total = _pixels(coded["x_hat"], height, width), float(bits.sum())
        cells = bits[: -(-height // BLOCK), : -(-width // BLOCK)]
        return Reconstruction(
            image=pixels, bpp=total / (height * width), rate_map=(cells / BLOCK**2).numpy()
        )

    @torch.inference_mode()
    def compress(self, image: NDArray[np.uint8], level: float | LevelMap) -> bytes:
        """See :class:`~riskmask.model.codecs.base.Codec`; raises as :meth:`reconstruct`."""
        quality = self.quality(level)
        loaded = self._network(quality)
        strings = loaded.network.compress(_tensor(image, loaded.network))["strings"]
        return pack(
            Container(
                weights=loaded.weights[:_STORED],
                width=image.shape[1],
                height=image.shape[0],
                levels=np.array((quality - 1) * LEVEL_STEPS, dtype=np.uint8),
                hyper=strings[1][0] if len(strings) > 1 else b"",
                latent=strings[0][0],
            )
        )

    @torch.inference_mode()
    def decompress(self, stream: bytes) -> NDArray[np.uint8]:
        """See :class:`~riskmask.model.codecs.base.Codec`.

        Raises:
            BitstreamError: the stream is not of these weights, or is damaged.
            PublishedWeightsError: the weights cannot be had.
        """
        content = unpack(stream)
        quality, rest = divmod(int(content.levels.max()), LEVEL_STEPS)
        factorised = self._architecture == "bmshj2018-factorized"
        if (
            content.levels.ndim
            or rest
            or quality >= QUALITIES[self._architecture]
            or factorised == bool(content.hyper)
        ):
            raise BitstreamError(f"the stream was not written by {self.name}")
        loaded = self._network(quality + 1)
        if content.weights != loaded.weights[:_STORED]:
            raise BitstreamError("the stream was written with other weights")
        stride = loaded.network.downsampling_factor
        grid = -(-content.height // stride), -(-content.width // stride)
        strings = [[part] for part in (content.latent, content.hyper) if part]
        decoded = loaded.network.decompress(strings, grid)
        return _pixels(decoded["x_hat"], content.height, content.width)

    def _network(self, quality: int) -> _Loaded:
        if quality not in self._loaded:
            weights = PublishedWeights(self._architecture, self._metric, quality)
            network = weights.read(self._folder) if self._folder else weights.download()
            network.eval()
            network.update()  # published weights bring the coder's tables; others get theirs here
            self._loaded[quality] = _Loaded(network, _hash(network))
        return self._loaded[quality]


def _hash(network: nn.Module) -> bytes:
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.digest()


def _tensor(image: NDArray[np.uint8], network: CompressionModel) -> Tensor:
    """(1, 3, H', W') float32 in [0, 1], borders repeated up to the network's stride."""
    stride = network.downsampling_factor
    pad = ((0, -image.shape[0] % stride), (0, -image.shape[1] % stride), (0, 0))
    pixels = torch.from_numpy(np.pad(image, pad, mode="edge")).permute(2, 0, 1)[None]
    return pixels.float() / PEAK


def _bits(likelihoods: Mapping[str, Tensor], rows: int, columns: int) -> Tensor:
    """(rows, columns) float32 bits per 16x16 cell; side information is spread over its cells."""
    total = torch.zeros(rows, columns)
    for likelihood in likelihoods.values():
        bits = -torch.log2(likelihood).sum(dim=1, keepdim=True)
        scale = rows // bits.shape[2]
        total += nn.functional.interpolate(bits, scale_factor=scale)[0, 0] / scale**2
    return total


def _pixels(image: Tensor, height: int, width: int) -> NDArray[np.uint8]:
    pixels = (image[0, :, :height, :width].clamp(0, 1) * PEAK).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
