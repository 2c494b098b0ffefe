"""What an encoder is to the rest of the project, whatever is inside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from riskmask.model.encoders.errors import UnreachableSizeError


@dataclass(frozen=True)
class Encoded:
    """A file.

    Attributes:
        data: its bytes.
        quality: the setting in the encoder's own words, e.g. ``crf 31.25``.
        setting: the same as the quality of the encoder's codec profile; None with a hint, which
            moves it from block to block.
        finest: whether no finer setting exists, so that the file may be far under the size.
        notes: what a reader of the file should know, e.g. that an odd size was padded.
    """

    data: bytes
    quality: str
    setting: float | None
    finest: bool
    notes: tuple[str, ...] = ()


class Encoder(Protocol):
    """Writes stills of a size."""

    @property
    def name(self) -> str:
        """Registry name."""
        ...

    @property
    def hint_format(self) -> str:
        """The hint format that it reads."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the files that it writes, lower case with a dot; the first is the usual one."""
        ...

    def encode(
        self, image: NDArray[np.uint8], size_bytes: int, hint: bytes | None, suffix: str
    ) -> Encoded:
        """The largest file of at most that size, of two as large the finer.

        Args:
            image: (H, W, 3) uint8 RGB.
            size_bytes: of the whole file, over 0.
            hint: in ``hint_format``; None codes all of the picture alike.
            suffix: one of ``suffixes``.

        Raises:
            UnreachableSizeError: not even the coarsest setting is so small.
            EncoderHintError: the hint is none, or is another image's.
            EncoderFailedError: the encoder refused.
        """
        ...


def finest_within(
    encode: Callable[[int], bytes], settings: int, size_bytes: int, encoder: str
) -> tuple[int, bytes]:
    """The largest file of numbered settings that is at most so large, by bisection.

    Sizes rise with the setting but for small steps back, which an encoder's own decisions make;
    so the neighbours of what bisection finds are looked at too.

    Args:
        encode: a setting's file; 0 is the coarsest setting.
        settings: how many there are.
        size_bytes: of the file at most.
        encoder: its name, for the error.

    Returns:
        The setting and its file.

    Raises:
        UnreachableSizeError: none of the files seen is so small.
    """
    seen: dict[int, bytes] = {}

    def size(setting: int) -> int:
        if setting not in seen:
            seen[setting] = encode(setting)
        return len(seen[setting])

    low, high = -1, settings
    while high - low > 1:
        middle = (low + high) // 2
        if size(middle) <= size_bytes:
            low = middle
        else:
            high = middle
    for neighbour in range(low + 2, min(low + 4, settings)):
        size(neighbour)
    fitting = {setting: data for setting, data in seen.items() if len(data) <= size_bytes}
    if not fitting:
        raise UnreachableSizeError(encoder, size_bytes, min(map(len, seen.values())))
    best = max(fitting, key=lambda setting: (len(fitting[setting]), setting))
    return best, fitting[best]


def padding_note(height: int, width: int, coded_height: int, coded_width: int) -> tuple[str, ...]:
    """What is said of a picture whose border was repeated."""
    if (height, width) == (coded_height, coded_width):
        return ()
    return (
        f"4:2:0 needs even sides: {width}x{height} was coded as {coded_width}x{coded_height}, "
        "its border repeated",
    )
