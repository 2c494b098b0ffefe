"""Raw pixels of the contract in the engine's terms. Decides nothing."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, TypeVar

from riskmask.server.engine.raw_image import ColorMatrix, ColorRange, PixelFormat, Plane, RawImage
from riskmask.server.errors import InvalidRequest
from riskmask.v1 import riskmask_pb2 as pb

E = TypeVar("E", bound=Enum)

QUARTER_TURNS: Final = {
    pb.ROTATION_UNSPECIFIED: 0,
    pb.ROTATION_90: 1,
    pb.ROTATION_180: 2,
    pb.ROTATION_270: 3,
}


def to_raw_image(message: pb.RawImage, field: str) -> RawImage:
    """The picture; its sizes are the engine's to check.

    Raises:
        InvalidRequest: no pixel format, or a number that has no name.
    """
    pixel_format = _member(
        PixelFormat, pb.PixelFormat, message.pixel_format, f"{field}.pixel_format"
    )
    if pixel_format is None:
        known = ", ".join(each.name for each in PixelFormat)
        raise InvalidRequest(f"{field}.pixel_format: set one of {known}")
    if message.rotation not in QUARTER_TURNS:
        raise InvalidRequest(f"{field}.rotation: {message.rotation} is none of 90, 180, 270")
    return RawImage(
        pixel_format=pixel_format,
        width=message.width,
        height=message.height,
        planes=tuple(Plane(plane.data, plane.stride) for plane in message.planes),
        matrix=_member(ColorMatrix, pb.ColorMatrix, message.color_matrix, f"{field}.color_matrix"),
        range=_member(ColorRange, pb.ColorRange, message.color_range, f"{field}.color_range"),
        quarter_turns=QUARTER_TURNS[message.rotation],
    )


def from_pixel_format(pixel_format: PixelFormat) -> Any:
    """The contract's number."""
    return pb.PixelFormat.Value(f"PIXEL_FORMAT_{pixel_format.name}")


def _member(kind: type[E], enum: Any, number: int, field: str) -> E | None:
    """The engine's member of a number, None where it is unset."""
    if number == 0:
        return None
    names = dict(zip(enum.values(), enum.keys(), strict=True))
    name = next(
        (each.name for each in kind if names.get(number, "").endswith(f"_{each.name}")), None
    )
    if name is None:
        known = ", ".join(each.name for each in kind)
        raise InvalidRequest(f"{field}: {number} is none of {known}")
    return kind[name]
