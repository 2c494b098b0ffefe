"""The ``ffmpeg-roi`` hint as filters for a frame."""

from __future__ import annotations

import struct

from riskmask.model.encoders.errors import EncoderHintError

REGION = struct.Struct("<I6i")  # AVRegionOfInterest, libavutil/frame.h


def addroi_arguments(hint: bytes, height: int, width: int) -> list[str]:
    """Arguments of one ``addroi`` filter per region, in order.

    Raises:
        EncoderHintError: it is no list of regions, or one of them leaves the picture.
    """
    if len(hint) % REGION.size:
        raise EncoderHintError(f"a list of regions has {REGION.size} bytes for each")
    arguments = []
    for size, top, bottom, left, right, numerator, denominator in REGION.iter_unpack(hint):
        if size != REGION.size or denominator <= 0 or abs(numerator) > denominator:
            raise EncoderHintError("this is no list of regions of interest")
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise EncoderHintError(
                f"a region of the hint does not lie in an image of {width}x{height} pixels"
            )
        arguments.append(
            f"x={left}:y={top}:w={right - left}:h={bottom - top}:qoffset={numerator}/{denominator}"
        )
    return arguments
