"""An image however it arrives: a file's bytes, or raw pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from riskmask.server.engine.decode import DecodedImage, Limits, decode
from riskmask.server.engine.job import Job
from riskmask.server.engine.raw_decode import decode_raw
from riskmask.server.engine.raw_image import RawImage

Decode: TypeAlias = Callable[[bytes, Limits, Job], DecodedImage]


def decode_here(content: bytes, limits: Limits, job: Job) -> DecodedImage:
    """:func:`decode` in this thread, which nothing ends before it is over."""
    job.check()
    return decode(content, limits)


def decode_any(
    image: bytes | RawImage, limits: Limits, job: Job, decode_file: Decode = decode_here
) -> DecodedImage:
    """The upright picture; raises what :func:`decode_raw` and the decoding of files raise.

    Args:
        image: a file's bytes, or raw pixels, which need no decoder.
        limits: on the picture.
        job: whose answer it is for.
        decode_file: what decodes a file.
    """
    if isinstance(image, RawImage):
        return decode_raw(image, limits)
    return decode_file(image, limits, job)
