"""The reference codec: the trained network behind the codec interface, with real bitstreams."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from riskmask.model.codecs.base import BitstreamError, LevelMap, Reconstruction
from riskmask.model.codecs.bitstream import LEVEL_STEPS, Container, pack, unpack
from riskmask.model.codecs.layers import BLOCK
from riskmask.model.codecs.network import PEAK, SCALE_TABLE, HyperpriorNetwork, Shape
from riskmask.model.levels import FINEST, step_of_level


class Hyperprior:
    """Variable-rate mean-scale hyperprior; one network for all levels and for level maps.

    Encoder and decoder must compute the same scales, so a stream is decoded on the kind of
    machine (and torch version) that wrote it, as with every codec of this family.
    """

    name = "hyperprior"

    def __init__(self, network: HyperpriorNetwork, weights_hash: str) -> None:
        self.weights_hash = weights_hash
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._network.gaussian_conditional.update_scale_table(SCALE_TABLE)
        self._network.update(force=True)

    @classmethod
    def load(cls, path: Path) -> Hyperprior:
        """Read weights written by :func:`save_weights`."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, framework="pt") as opened:
            shape = Shape(**json.loads(opened.metadata()["shape"]))
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        network = HyperpriorNetwork(shape)
        own = network.state_dict()
        own.update({name: value.to(own[name].dtype) for name, value in state.items()})
        network.load_state_dict(own)
        return cls(network, digest)

    @torch.inference_mode()
    def reconstruct(self, image: NDArray[np.uint8], level: float | LevelMap) -> Reconstruction:
        """See :class:`~riskmask.model.codecs.base.Codec`."""
        height, width = image.shape[:2]
        levels = _stored_levels(level, height, width)
        coded = self._network(_tensor(image), _step_map(levels, height, width))
        cells = coded.bits[0, 0, : -(-height // BLOCK), : -(-width // BLOCK)]
        return Reconstruction(
            image=_pixels(coded.image, height, width),
            bpp=float(coded.bits.sum()) / (height * width),
            rate_map=(cells / BLOCK**2).numpy(),
        )

    @torch.inference_mode()
    def rate_map(self, image: NDArray[np.uint8], level: float | LevelMap) -> NDArray[np.float32]:
        """The rate map of :meth:`reconstruct` alone, without the cost of the synthesis."""
        height, width = image.shape[:2]
        step = _step_map(_stored_levels(level, height, width), height, width)
        _, bits = self._network.quantise(_tensor(image), step)
        cells = bits[0, 0, : -(-height // BLOCK), : -(-width // BLOCK)]
        return np.asarray((cells / BLOCK**2).numpy())

    @torch.inference_mode()
    def compress(self, image: NDArray[np.uint8], level: float | LevelMap) -> bytes:
        """See :class:`~riskmask.model.codecs.base.Codec`."""
        height, width = image.shape[:2]
        levels = _stored_levels(level, height, width)
        step = _step_map(levels, height, width)
        net = self._network
        latent = net.analyse(_tensor(image), step)
        hyper = net.describe(latent, step)
        hyper_stream = net.entropy_bottleneck.compress(hyper)
        hyper_hat = net.entropy_bottleneck.decompress(hyper_stream, hyper.shape[-2:])
        scale, mean = net.predict(hyper_hat, step)
        indexes = net.gaussian_conditional.build_indexes(scale)
        latent_stream = net.gaussian_conditional.compress(latent, indexes, means=mean)
        return pack(
            Container(
                weights=bytes.fromhex(self.weights_hash[:4]),
                width=width,
                height=height,
                levels=levels,
                hyper=hyper_stream[0],
                latent=latent_stream[0],
            )
        )

    @torch.inference_mode()
    def decompress(self, stream: bytes) -> NDArray[np.uint8]:
        """See :class:`~riskmask.model.codecs.base.Codec`."""
        content = unpack(stream)
        if content.weights != bytes.fromhex(self.weights_hash[:4]):
            raise BitstreamError("the stream was written with other weights")
        if not content.hyper:
            raise BitstreamError("the stream lacks its side information")
        step = _step_map(content.levels, content.height, content.width)
        net = self._network
        rows, columns = step.shape[-2] // 2, step.shape[-1] // 2
        hyper_hat = net.entropy_bottleneck.decompress([content.hyper], (rows, columns))
        scale, mean = net.predict(hyper_hat, step)
        indexes = net.gaussian_conditional.build_indexes(scale)
        latent = net.gaussian_conditional.decompress([content.latent], indexes, means=mean)
        return _pixels(net.synthesise(latent, step), content.height, content.width)


def save_weights(network: HyperpriorNetwork, folder: Path) -> Path:
    """Write the network as float16 safetensors, named by the content's hash.

    Tables that the entropy coder derives from the weights and its constants are not stored (a
    likelihood bound of 1e-9 would not survive float16).
    """
    derived = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table", ".bound", ".target")
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith(derived)
    }
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "hyperprior.partial"
    save_file(state, partial, metadata={"shape": json.dumps(asdict(network.shape))})
    digest = hashlib.sha256(partial.read_bytes()).hexdigest()
    path = folder / f"hyperprior-{digest[:8]}.safetensors"
    partial.replace(path)
    return path


def _stored_levels(level: float | LevelMap, height: int, width: int) -> NDArray[np.uint8]:
    """Levels as the stream stores them, uint8 in 1/32 level."""
    levels = np.asarray(level, dtype=np.float32)
    grid = (-(-height // BLOCK), -(-width // BLOCK))
    if levels.ndim != 0 and levels.shape != grid:
        raise ValueError(f"the level map is {levels.shape}; this picture needs {grid}")
    if not np.isfinite(levels).all() or levels.min() < 0 or levels.max() > FINEST:
        raise ValueError(f"levels must lie in [0, {FINEST:g}]")
    return np.asarray(np.round(levels * LEVEL_STEPS), dtype=np.uint8)


def _padded(size: int) -> int:
    stride = HyperpriorNetwork.STRIDE
    return -(-size // stride) * stride


def _step_map(levels: NDArray[np.uint8], height: int, width: int) -> Tensor:
    """(1, 1, H'/16, W'/16) float32 steps of the padded picture."""
    rows, columns = _padded(height) // BLOCK, _padded(width) // BLOCK
    steps = np.asarray(step_of_level(levels.astype(np.float32) / LEVEL_STEPS), dtype=np.float32)
    if steps.ndim == 0:
        return torch.full((1, 1, rows, columns), float(steps))
    pad = ((0, rows - steps.shape[0]), (0, columns - steps.shape[1]))
    return torch.from_numpy(np.pad(steps, pad, mode="edge"))[None, None]


def _tensor(image: NDArray[np.uint8]) -> Tensor:
    """(1, 3, H', W') float32 in [0, 1], borders repeated up to the network's stride."""
    height, width = image.shape[:2]
    pad = ((0, _padded(height) - height), (0, _padded(width) - width), (0, 0))
    pixels = torch.from_numpy(np.pad(image, pad, mode="edge")).permute(2, 0, 1)[None]
    return pixels.float() / PEAK


def _pixels(image: Tensor, height: int, width: int) -> NDArray[np.uint8]:
    pixels = (image[0, :, :height, :width] * PEAK).round().clamp(0, PEAK).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
