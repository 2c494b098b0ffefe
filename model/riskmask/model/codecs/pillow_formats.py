"""How Pillow writes and reads one format, to the coders that stand on it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from riskmask.model.codecs.classic import refused

_SAVING = threading.Lock()


def write(image: NDArray[np.uint8], format: str, **options: Any) -> bytes:
    """(H, W, 3) uint8 RGB as a file of Pillow's format."""
    buffer = io.BytesIO()
    with _room_for(image.nbytes):
        Image.fromarray(image).save(buffer, format, **options)
    return buffer.getvalue()


@contextmanager
def _room_for(size: int) -> Iterator[None]:
    """Pillow gives a JPEG with optimised tables a byte per pixel; noise needs more, and fails."""
    with _SAVING:
        before = ImageFile.MAXBLOCK
        ImageFile.MAXBLOCK = max(before, size)
        try:
            yield
        finally:
            ImageFile.MAXBLOCK = before


def read(stream: bytes, format: str) -> NDArray[np.uint8]:
    """A file of Pillow's format as (H, W, 3) uint8 RGB.

    Raises:
        BitstreamError: it is not one, or is damaged.
    """
    try:
        with Image.open(io.BytesIO(stream), formats=[format]) as opened:
            return np.array(opened.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise refused(format) from error
