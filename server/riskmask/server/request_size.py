"""How large a request may be, by what its method needs; asked before it waits for anything."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from riskmask.server.engine.decode import Limits
from riskmask.server.engine.errors import ImageTooLargeError, InvalidImageError
from riskmask.server.errors import MessageTooLarge
from riskmask.v1 import riskmask_pb2 as pb

# Names, regions and unknown fields: what gRPC allows a whole message unless told otherwise.
MOST_BESIDE_IMAGES: Final = 4 << 20
MOST_PLANES: Final = 3  # of any pixel format


def size_of(*images: pb.Image) -> int:
    """Bytes of images as they arrived."""
    return sum(image.ByteSize() for image in images)


def check_size(request: Message, limits: Limits, **images: pb.Image) -> None:
    """Refuses a request that is too large.

    A method without images has room for what is beside them alone, one with two has room for two.

    Args:
        request: a whole message of any method.
        limits: of one image.
        images: those in the request; where there are several, the error names the one.

    Raises:
        ImageTooLargeError: one of the images.
        InvalidImageError: one has more planes than any pixel format.
        MessageTooLarge: everything beside the images' bytes.
    """
    beside = request.ByteSize()
    for name, image in images.items():
        count = len(image.raw.planes)
        if count > MOST_PLANES:
            raise InvalidImageError(
                f"{name}.raw has {count} planes, no pixel format has more than {MOST_PLANES}"
            )
        size = len(image.encoded) + sum(len(plane.data) for plane in image.raw.planes)
        try:
            limits.check_bytes(size)
        except ImageTooLargeError as error:
            if len(images) == 1:
                raise
            raise ImageTooLargeError(f"{name}: {error}") from None
        beside -= size
    if beside > MOST_BESIDE_IMAGES:
        raise MessageTooLarge(
            f"the request has {beside} bytes beside its images, at most {MOST_BESIDE_IMAGES} are "
            "accepted; name fewer regions, hints or annotators"
        )
