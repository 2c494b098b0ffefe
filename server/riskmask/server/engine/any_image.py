"""An image however it arrives: a file's bytes, or raw pixels."""

from __future__ import annotations

from riskmask.server.engine.decode import DecodedImage, Limits, decode
from riskmask.server.engine.raw_decode import decode_raw
from riskmask.server.engine.raw_image import RawImage


def decode_any(image: bytes | RawImage, limits: Limits) -> DecodedImage:
    """The upright picture; raises what :func:`decode` and :func:`decode_raw` raise."""
    return decode_raw(image, limits) if isinstance(image, RawImage) else decode(image, limits)
