"""Classic codecs behind the codec interface, and the partner of a neural stream.

A classic codec has a quality of its own. Its level is its codec profile's business
(``profiles/NAME.json``); its partner to a neural stream needs no level: each image is coded once at
ten qualities, and the largest file that is not above the neural one's size is compared with it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs.base import BitstreamError, LevelMap, Reconstruction
from riskmask.model.levels import FINEST
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profiles import CodecProfile, packaged_profiles

Pixels = NDArray[np.uint8]


class Coder(Protocol):
    """What a classic codec's own file holds: how a quality becomes bytes, and bytes pixels."""

    name: str
    description: str
    meaning: str  # of the quality, in words
    best: int  # the range of its quality, finest and coarsest
    worst: int
    integer: bool  # whether its quality takes whole numbers only; here it gets no others
    ladder: tuple[int, ...]  # ten qualities, coarsest first
    fine_ladder: tuple[int, ...]  # more of them, to fit a codec profile with

    def encode(self, image: Pixels, quality: int) -> bytes:
        """(H, W, 3) uint8 RGB -> a file."""
        ...

    def decode(self, stream: bytes) -> Pixels:
        """A file -> (H, W, 3) uint8 RGB.

        Raises:
            BitstreamError: it is not one of this codec.
        """
        ...


@dataclass(frozen=True)
class Rung:
    """One image at one quality."""

    quality: int
    stream: bytes

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.stream)


class ClassicCodec:
    """A coder on the common scale of levels; one quality for a whole picture.

    Args:
        coder: of the codec.
    """

    def __init__(self, coder: Coder) -> None:
        self.name = coder.name
        self.coder = coder

    @property
    def identity(self) -> str:
        """SHA-256 of what the coder is, in its own words, and of its quality at each level.

        Raises:
            ProfileError: no profile was fitted for this codec.
        """
        facts = json.dumps([self.name, self.coder.description, self._profile().anchors])
        return hashlib.sha256(facts.encode()).hexdigest()

    def quality(self, level: float | LevelMap) -> int:
        """The codec's own quality at a level, by its packaged profile.

        Raises:
            ProfileError: no profile was fitted for this codec.
            ValueError: the level is outside [0, 7], or a map.
        """
        value = np.asarray(level, dtype=np.float64)
        if value.ndim != 0:
            raise ValueError(f"{self.name} has one quality for a whole picture, not a level map")
        if not 0 <= value <= FINEST:
            raise ValueError(f"levels must lie in [0, {FINEST:g}]")
        return round(self._profile().quality_of_level(float(value)))

    def compress(self, image: Pixels, level: float | LevelMap) -> bytes:
        """See :class:`~riskmask.model.codecs.base.Codec`; raises as :meth:`quality`."""
        return self.coder.encode(image, self.quality(level))

    def decompress(self, stream: bytes) -> Pixels:
        """See :class:`~riskmask.model.codecs.base.Codec`."""
        return self.coder.decode(stream)

    def bpp(self, image: Pixels, level: float | LevelMap) -> float:
        """See :class:`~riskmask.model.codecs.base.Codec`; raises as :meth:`quality`."""
        return 8 * len(self.compress(image, level)) / (image.shape[0] * image.shape[1])

    def reconstruct(self, image: Pixels, level: float | LevelMap) -> Reconstruction:
        """See :class:`~riskmask.model.codecs.base.Codec`; there is no rate map."""
        stream = self.compress(image, level)
        bpp = 8 * len(stream) / (image.shape[0] * image.shape[1])
        return Reconstruction(image=self.coder.decode(stream), bpp=bpp, rate_map=None)

    def _profile(self) -> CodecProfile:
        profiles = packaged_profiles()
        if self.name not in profiles:
            raise ProfileError(
                f"{self.name} has no codec profile yet; fit one with `python -m "
                f"riskmask.model.train classic-profile --codec {self.name}`, or code at a quality"
            )
        return profiles[self.name]

    def climb(self, image: Pixels) -> Ladder:
        """An image at the codec's ten qualities."""
        rungs = [Rung(quality, self.coder.encode(image, quality)) for quality in self.coder.ladder]
        return Ladder(self.coder, tuple(rungs))


@dataclass(frozen=True)
class Ladder:
    """One image at ten qualities of a classic codec, coarsest first."""

    coder: Coder
    rungs: tuple[Rung, ...]

    def partner(self, size: int) -> Rung | None:
        """The largest file of at most ``size`` bytes; None where even the smallest is larger."""
        fitting = [rung for rung in self.rungs if rung.size <= size]
        return max(fitting, key=lambda rung: rung.size) if fitting else None

    def reconstruct(self, rung: Rung) -> Pixels:
        """(H, W, 3) uint8 RGB of one of the files."""
        return self.coder.decode(rung.stream)


def refused(name: str) -> BitstreamError:
    """What to raise for bytes that are not a codec's."""
    return BitstreamError(f"the stream is not {name}, or is damaged")
