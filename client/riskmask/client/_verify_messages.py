"""Between the contract's messages of a verification and this package's types."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from riskmask.client._errors import InvalidImage, InvalidRequest, NotSupported
from riskmask.client._messages import several, to_facts, to_image, to_priority
from riskmask.client._miscompression import ChangeKind, ContentType
from riskmask.client._raw import RawImage
from riskmask.client._verification import (
    ExaminedRegion,
    Finding,
    FindingMask,
    KnownRegion,
    Verification,
    VerifyOptions,
)
from riskmask.v1 import riskmask_pb2 as pb

_CONTENTS: Final = {
    ContentType.TEXT: pb.CONTENT_TEXT,
    ContentType.FACE: pb.CONTENT_FACE,
    ContentType.SYMBOL: pb.CONTENT_SYMBOL,
}


def to_verify_message(
    original: bytes | Path | RawImage,
    reconstruction: bytes | Path | RawImage,
    options: VerifyOptions,
) -> pb.VerifyRequest:
    """The request for one pair of images.

    Raises:
        InvalidRequest: a value that does not exist or is out of range.
        InvalidImage: a file cannot be read.
        LimitExceeded: a file is larger than any message can be.
        TypeError: an option that does not exist.
    """
    unknown = set(options) - set(VerifyOptions.__annotations__)
    if unknown:
        raise TypeError(f"unknown option {', '.join(sorted(unknown))}")
    try:
        return pb.VerifyRequest(
            original=_named("original", original),
            reconstruction=_named("reconstruction", reconstruction),
            known_regions=[_known(region) for region in options.get("known_regions") or ()],
            annotators=list(several("annotators", options.get("annotators"))),
            priority=to_priority(options.get("priority", "live")),
        )
    except ValueError as error:  # protobuf's word for what its field cannot hold
        raise InvalidRequest("INVALID_REQUEST", f"an option cannot be sent: {error}") from None


def _named(which: str, image: bytes | Path | RawImage) -> pb.Image:
    try:
        return to_image(image)
    except InvalidImage as error:
        raise InvalidImage(error.reason, f"{which}: {error.message}") from error


def to_verification(message: pb.VerifyResponse) -> Verification:
    """The answer as this package's type."""
    return Verification(
        findings=tuple(_finding(finding) for finding in message.findings),
        original=to_facts(message.original),
        reconstruction=to_facts(message.reconstruction),
        examined=tuple(
            ExaminedRegion(
                content=_content(region.content),
                box=_box(region.box),
                polygon=tuple((corner.x, corner.y) for corner in region.polygon),
                judged=region.judged,
            )
            for region in message.examined
        ),
        annotators=tuple(message.annotators),
    )


def _known(region: KnownRegion) -> pb.KnownRegion:
    try:
        content = _CONTENTS[ContentType(region.content)]
    except ValueError:
        raise InvalidRequest(
            "INVALID_REQUEST",
            f"known_regions: {region.content!r} is none of {', '.join(ContentType)}",
        ) from None
    box = None
    if region.box is not None:
        x, y, width, height = region.box
        box = pb.Box(x=x, y=y, width=width, height=height)
    return pb.KnownRegion(
        box=box,
        content=content,
        transcription=region.transcription or "",
        polygon=[pb.Point(x=x, y=y) for x, y in region.polygon],
        icon=None if region.icon is None else pb.Icon(family=region.icon[0], name=region.icon[1]),
    )


def _finding(message: pb.Finding) -> Finding:
    known = message.content != pb.CONTENT_UNSPECIFIED
    has_mask = message.HasField("mask")
    return Finding(
        annotator=message.annotator,
        kind=_kind(message.kind),
        content=_content(message.content) if known else None,
        high_impact=message.high_impact,
        severity=message.severity,
        evidence=message.evidence,
        box=_box(message.box),
        polygon=tuple((corner.x, corner.y) for corner in message.polygon),
        region=message.examined_region if message.HasField("examined_region") else None,
        mask=FindingMask(message.mask.png, message.mask.stride) if has_mask else None,
    )


def _kind(number: pb.Kind) -> ChangeKind:
    try:
        return ChangeKind(pb.Kind.Name(number).removeprefix("KIND_"))
    except ValueError:
        raise _newer("what the server says happened") from None


def _content(number: pb.Content) -> ContentType:
    try:
        return ContentType(pb.Content.Name(number).removeprefix("CONTENT_"))
    except ValueError:
        raise _newer("a content that the server names") from None


def _newer(what: str) -> NotSupported:
    return NotSupported("UNKNOWN_VALUE", f"{what} is newer than this client; upgrade riskmask")


def _box(message: pb.Box) -> tuple[int, int, int, int]:
    return message.x, message.y, message.width, message.height
