"""The project's own codecs: levels per block, and streams that its decoder opens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs import CODECS
from riskmask.model.encoders.base import Encoded, finest_within
from riskmask.model.encoders.errors import EncoderFailedError
from riskmask.model.encoders.level_maps import read_levels
from riskmask.model.levels import FINEST

STEPS = 32  # of a level, as the stream stores it
MAP_STEPS = 4  # of a level, in which a map is told; finer ones cost more bytes than they save


class Neural:
    """A codec of :data:`riskmask.model.codecs.CODECS`; a hint is shifted up and down to the size.

    Streams of learned codecs are decoded on the kind of machine that wrote them.
    """

    hint_format = "riskmask-levels"
    suffixes = (".rmk",)

    def __init__(self, name: str) -> None:
        self.name = name
        self._codec = CODECS[name]()

    def encode(
        self, image: NDArray[np.uint8], size_bytes: int, hint: bytes | None, suffix: str
    ) -> Encoded:
        """See :class:`~riskmask.model.encoders.base.Encoder`."""
        height, width = image.shape[:2]
        if hint is None:
            shape, coarsest = np.zeros(1), 0.0
        else:
            levels = read_levels(hint, height, width)
            shape = np.round(levels * MAP_STEPS) / MAP_STEPS
            coarsest = -float(shape.max())
        # From all blocks at the coarsest level to all at the finest.
        settings = round((FINEST - float(shape.min()) - coarsest) * STEPS) + 1

        def coded(setting: int) -> bytes:
            moved = np.clip(shape + (coarsest + setting / STEPS), 0.0, FINEST)
            level = float(moved[0]) if hint is None else moved.astype(np.float32)
            try:
                return self._codec.compress(image, level)
            except ValueError as error:
                raise EncoderFailedError(f"{self.name} cannot code this: {error}") from None

        setting, data = finest_within(coded, settings, size_bytes, self.name)
        moved = coarsest + setting / STEPS
        quality = f"level {moved:.2f}" if hint is None else f"levels moved by {moved:+.2f}"
        alike = moved if hint is None else None
        return Encoded(data, quality, alike, finest=setting == settings - 1)
