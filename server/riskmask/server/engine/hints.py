"""The registry of hint formats: what particular encoders accept to spend bits elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.errors import UnknownHintFormatError
from riskmask.server.engine.hint_formats.neural_quality import NeuralQuality
from riskmask.server.engine.hint_formats.riskmask_levels import RiskmaskLevels
from riskmask.server.engine.values import HintPayload


class HintFormat(Protocol):
    """One encoder's way to be told where to spend bits."""

    @property
    def name(self) -> str:
        """Registry name, lower case with hyphens."""
        ...

    @property
    def effectiveness(self) -> str:
        """``EFFECTIVE``, ``NOT_EFFECTIVE_ON_STILLS`` or ``UNPROVEN``."""
        ...

    def export(self, levels: NDArray[np.float32]) -> HintPayload:
        """The bytes that the encoder reads.

        Args:
            levels: (R, C) float32 in [0, 7], the wanted level per 16x16 block, raster.
        """
        ...


HINT_FORMATS: dict[str, HintFormat] = {
    hint.name: hint for hint in (RiskmaskLevels(), NeuralQuality())
}


def check_hint_formats(names: Iterable[str]) -> None:
    """Raise UnknownHintFormatError for the first name that is not registered."""
    for name in names:
        if name not in HINT_FORMATS:
            raise UnknownHintFormatError(name, HINT_FORMATS)
