"""A trained network behind the codec interface: levels, level maps, real bitstreams."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from riskmask.model.codecs.base import BitstreamError, LevelMap, Reconstruction
from riskmask.model.codecs.bitstream import LEVEL_STEPS, Container, pack, unpack
from riskmask.model.codecs.layers import BLOCK
from riskmask.model.codecs.level_curve import REFERENCE_SCALE, LevelCurve, load_curve
from riskmask.model.codecs.transforms import PEAK, StepNetwork
from riskmask.model.levels import FINEST
from riskmask.model.runtime.errors import WeightsError


class LearnedCodec:
    """One architecture with trained weights; subclasses name the network.

    Encoder and decoder must compute the same scales, so a stream is decoded on the kind of
    machine (and torch version) that wrote it, as with every codec of this family.

    Args:
        network: trained.
        weights_hash: SHA-256 of its file.
        levels: how its step follows the level.
    """

    name: str
    network_class: ClassVar[type[StepNetwork]]
    fitted: ClassVar[bool] = True  # whether a level curve lies beside the weights

    def __init__(
        self, network: StepNetwork, weights_hash: str, levels: LevelCurve = REFERENCE_SCALE
    ) -> None:
        self.weights_hash = weights_hash
        self.levels = levels
        self._identity = bytes.fromhex(self.identity[:4])
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._network.prepare()

    @classmethod
    def load(cls, path: Path, levels: LevelCurve | None = None, **options: Any) -> Self:
        """Read weights written by :func:`~riskmask.model.codecs.weight_files.save_weights`.

        Args:
            path: of the weights.
            levels: instead of the curve that lies beside them.
            options: of the architecture's own, as its constructor takes them.

        Raises:
            WeightsError: they are not weights of this architecture, or have no level curve.
        """
        network = load_network(path, cls)
        if levels is None:
            levels = load_curve(path, cls.name) if cls.fitted else REFERENCE_SCALE
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls(network, digest, levels, **options)

    @property
    def identity(self) -> str:
        """SHA-256 of the weights with their level curve."""
        return self.levels.identity(self.weights_hash)

    @torch.inference_mode()
    def reconstruct(self, image: NDArray[np.uint8], level: float | LevelMap) -> Reconstruction:
        """See :class:`~riskmask.model.codecs.base.Codec`."""
        height, width = image.shape[:2]
        step = self._step_map(_stored_levels(level, height, width), height, width)
        coded = self._network(self._tensor(image), step)
        cells = coded.bits[0, 0, : -(-height // BLOCK), : -(-width // BLOCK)]
        return Reconstruction(
            image=_pixels(coded.image, height, width),
            bpp=float(coded.bits.sum()) / (height * width),
            rate_map=(cells / BLOCK**2).numpy(),
        )

    @torch.inference_mode()
    def bpp(self, image: NDArray[np.uint8], level: float | LevelMap) -> float:
        """See :class:`~riskmask.model.codecs.base.Codec`; only the analysis runs."""
        height, width = image.shape[:2]
        step = self._step_map(_stored_levels(level, height, width), height, width)
        _, bits = self._network.quantise(self._tensor(image), step)
        return float(bits.sum()) / (height * width)

    def rate_map(self, image: NDArray[np.uint8], level: float | LevelMap) -> NDArray[np.float32]:
        """The rate map of :meth:`reconstruct` alone, without the cost of the synthesis."""
        height, width = image.shape[:2]
        step = self._step_map(_stored_levels(level, height, width), height, width)
        return self._rates(image, step)

    def bpp_at_step(self, image: NDArray[np.uint8], step: float) -> float:
        """Estimated bits per pixel at a step of the codec's own; for fitting its level curve."""
        height, width = image.shape[:2]
        stride = self._network.STRIDE // BLOCK
        rows, columns = (-(-size // self._network.STRIDE) * stride for size in (height, width))
        return float(self._rates(image, torch.full((1, 1, rows, columns), step)).mean())

    @torch.inference_mode()
    def compress(self, image: NDArray[np.uint8], level: float | LevelMap) -> bytes:
        """See :class:`~riskmask.model.codecs.base.Codec`."""
        height, width = image.shape[:2]
        levels = _stored_levels(level, height, width)
        step = self._step_map(levels, height, width)
        hyper, latent = self._network.encode(self._tensor(image), step)
        return pack(Container(self._identity, width, height, levels, hyper, latent))

    @torch.inference_mode()
    def decompress(self, stream: bytes) -> NDArray[np.uint8]:
        """See :class:`~riskmask.model.codecs.base.Codec`."""
        content = unpack(stream)
        if content.weights != self._identity:
            raise BitstreamError("the stream was written with other weights")
        if bool(content.hyper) != self._network.SIDE_INFORMATION:
            found = "lacks its" if self._network.SIDE_INFORMATION else "has unexpected"
            raise BitstreamError(f"the stream {found} side information")
        step = self._step_map(content.levels, content.height, content.width)
        latent = self._network.decode(content.hyper, content.latent, step)
        return _pixels(self._network.synthesise(latent, step), content.height, content.width)

    @torch.inference_mode()
    def _rates(self, image: NDArray[np.uint8], step: Tensor) -> NDArray[np.float32]:
        height, width = image.shape[:2]
        _, bits = self._network.quantise(self._tensor(image), step)
        cells = bits[0, 0, : -(-height // BLOCK), : -(-width // BLOCK)]
        return np.asarray((cells / BLOCK**2).numpy())

    def _padded(self, size: int) -> int:
        stride = int(self._network.STRIDE)
        return -(-size // stride) * stride

    def _step_map(self, levels: NDArray[np.uint8], height: int, width: int) -> Tensor:
        """(1, 1, H'/16, W'/16) float32 steps of the padded picture."""
        rows, columns = self._padded(height) // BLOCK, self._padded(width) // BLOCK
        steps = self.levels.step(levels.astype(np.float32) / LEVEL_STEPS)
        if steps.ndim == 0:
            return torch.full((1, 1, rows, columns), float(steps))
        pad = ((0, rows - steps.shape[0]), (0, columns - steps.shape[1]))
        return torch.from_numpy(np.pad(steps, pad, mode="edge"))[None, None]

    def _tensor(self, image: NDArray[np.uint8]) -> Tensor:
        """(1, 3, H', W') float32 in [0, 1], borders repeated up to the network's stride."""
        height, width = image.shape[:2]
        pad = ((0, self._padded(height) - height), (0, self._padded(width) - width), (0, 0))
        pixels = torch.from_numpy(np.pad(image, pad, mode="edge")).permute(2, 0, 1)[None]
        return pixels.float() / PEAK


def load_network(path: Path, architecture: type[LearnedCodec]) -> StepNetwork:
    """The network of a weights file, in float32.

    Raises:
        WeightsError: the file cannot be read, or is of another architecture.
    """
    wrong = f"{path.name} holds no weights of {architecture.name}; name a file that training wrote"
    make = architecture.network_class
    try:
        with safe_open(path, framework="pt") as opened:
            # The first weights that were ever written say no architecture: the reference's.
            metadata = opened.metadata() or {}
            found = metadata.get("architecture", "hyperprior")
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if found != architecture.name:
            raise WeightsError(f"{path.name} holds weights of {found}, not of {architecture.name}")
        network = make(make.SHAPE(**json.loads(metadata["shape"])))
        own = network.state_dict()
        own.update({name: value.to(own[name].dtype) for name, value in state.items()})
        network.load_state_dict(own)
    except FileNotFoundError:
        raise WeightsError(f"there is no weights file {path.name}") from None
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(wrong) from error
    return network


def _stored_levels(level: float | LevelMap, height: int, width: int) -> NDArray[np.uint8]:
    """Levels as the stream stores them, uint8 in 1/32 level."""
    levels = np.asarray(level, dtype=np.float32)
    grid = (-(-height // BLOCK), -(-width // BLOCK))
    if levels.ndim != 0 and levels.shape != grid:
        raise ValueError(f"the level map is {levels.shape}; this picture needs {grid}")
    if not np.isfinite(levels).all() or levels.min() < 0 or levels.max() > FINEST:
        raise ValueError(f"levels must lie in [0, {FINEST:g}]")
    return np.asarray(np.round(levels * LEVEL_STEPS), dtype=np.uint8)


def _pixels(image: Tensor, height: int, width: int) -> NDArray[np.uint8]:
    pixels = (image[0, :, :height, :width] * PEAK).round().clamp(0, PEAK).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
