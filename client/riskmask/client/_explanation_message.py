"""From the contract's explanation of a region to this package's type."""

from __future__ import annotations

from riskmask.client._explanation import Explanation, SafeTextHeight
from riskmask.client._miscompression import ChangeKind, ContentType
from riskmask.v1 import riskmask_pb2 as pb

# What a newer server may name beside these is as good as unspecified: nothing is decided by it.
_CONTENTS = {
    pb.CONTENT_TEXT: ContentType.TEXT,
    pb.CONTENT_FACE: ContentType.FACE,
    pb.CONTENT_SYMBOL: ContentType.SYMBOL,
}
_KINDS = {
    pb.KIND_AMPLITUDE: ChangeKind.AMPLITUDE,
    pb.KIND_GEOMETRY: ChangeKind.GEOMETRY,
    pb.KIND_SHAPE: ChangeKind.SHAPE,
}


def to_explanation(message: pb.Explanation) -> Explanation:
    """Why a region is flagged."""
    safe = message.safe_text_height
    return Explanation(
        content=_CONTENTS.get(message.content),
        content_probability=message.content_probability,
        kind=_KINDS.get(message.kind),
        kind_probability=message.kind_probability,
        text_height=message.text_height if message.HasField("text_height") else None,
        safe_text_height=SafeTextHeight(
            safe.pixels if safe.HasField("pixels") else None, safe.changed_share
        )
        if message.HasField("safe_text_height")
        else None,
    )
