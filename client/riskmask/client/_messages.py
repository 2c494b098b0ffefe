"""Between the contract's messages and this package's types."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, TypedDict

from riskmask.client._damage import to_damage
from riskmask.client._errors import InvalidImage, InvalidRequest, LimitExceeded, NotSupported
from riskmask.client._explanation_message import to_explanation
from riskmask.client._policy import CONTENTS, to_policy
from riskmask.client._raw import ColorMatrix, ColorRange, PixelFormat, RawImage
from riskmask.client._server_info import (
    CodecInfo,
    HintFormat,
    Limits,
    MissingAnnotator,
    ServerInfo,
)
from riskmask.client._types import (
    Analysis,
    Content,
    Decision,
    Effectiveness,
    Hint,
    ImageFacts,
    JpegAdvice,
    Kind,
    Mask,
    MaskType,
    ModelInfo,
    Reason,
    Region,
    ResolvedTarget,
)
from riskmask.v1 import riskmask_pb2 as pb

_MASK_NUMBERS = {
    MaskType.RISK: pb.MASK_TYPE_RISK,
    MaskType.TEXT: pb.MASK_TYPE_TEXT,
    MaskType.FACE: pb.MASK_TYPE_FACE,
    MaskType.SYMBOL: pb.MASK_TYPE_SYMBOL,
    MaskType.HIGH_IMPACT: pb.MASK_TYPE_HIGH_IMPACT,
}

ROTATIONS: Final = {
    0: pb.ROTATION_UNSPECIFIED,
    90: pb.ROTATION_90,
    180: pb.ROTATION_180,
    270: pb.ROTATION_270,
}
LARGEST_MESSAGE: Final = (1 << 31) - 1  # bytes, protobuf's own limit


class Options(TypedDict, total=False):
    """What an analysis may be told beside the image; what is left out gets the server's default.

    Attributes:
        codec: name of the codec profile that is going to encode.
        bpp: the size asked for in bits per pixel, over 0. At most one of the three sizes.
        size_bytes: the size asked for in bytes, over 0.
        quality: the codec's own quality parameter.
        masks: the maps wanted with the answer.
        hint_formats: the hints wanted with the answer, by name.
        preset: name of a policy.
        threshold: a pixel at or over this risk belongs to a region; in (0, 1). It decides where it
            is the stricter rule of the two.
        content_weights: factor on the risk in [0, 1] by content: text, face, symbol, other.
        smallest_region: area in pixels under which a region is dropped, at least 0.
        max_error_probability: an image is safe where an error is less likely than this, in
            (0, 1]. With 1 the regions alone decide.
        priority: ``live`` while somebody waits, ``batch`` for a back catalogue.
    """

    codec: str | None
    bpp: float | None
    size_bytes: int | None
    quality: float | None
    masks: Iterable[MaskType | str]
    hint_formats: Iterable[str]
    preset: str | None
    threshold: float | None
    content_weights: Mapping[str, float] | None
    smallest_region: int | None
    max_error_probability: float | None
    priority: Literal["live", "batch"]


def to_message(image: bytes | Path | RawImage, options: Options) -> pb.AnalyzeRequest:
    """The request for one image.

    Raises:
        InvalidRequest: two sizes at once, or a value that does not exist or is out of range.
        InvalidImage: the file cannot be read.
        LimitExceeded: the file is larger than any message can be.
        TypeError: an option that does not exist.
    """
    unknown = set(options) - set(Options.__annotations__)
    if unknown:
        raise TypeError(f"unknown option {', '.join(sorted(unknown))}")
    try:
        return pb.AnalyzeRequest(
            image=to_image(image),
            codec=options.get("codec") or "",
            target=_target(options),
            hint_formats=list(several("hint_formats", options.get("hint_formats"))),
            masks=[_mask_number(str(mask)) for mask in several("masks", options.get("masks"))],
            policy=_policy(options),
            priority=to_priority(options.get("priority", "live")),
        )
    except ValueError as error:  # protobuf's word for what its field cannot hold
        raise InvalidRequest("INVALID_REQUEST", f"an option cannot be sent: {error}") from None


def several(option: str, names: Iterable[str] | None) -> Iterable[str]:
    """The names that an option holds.

    Raises:
        InvalidRequest: it is one name, whose letters would be taken for several.
    """
    if isinstance(names, str):
        raise InvalidRequest("INVALID_REQUEST", f"{option}: several names, as [{str(names)!r}]")
    return names or ()


def reusable(options: Options) -> Options:
    """The same options for many images: what can be iterated once can be so again."""
    kept: Options = {**options}
    if "masks" in kept:
        kept["masks"] = tuple(several("masks", kept["masks"]))
    if "hint_formats" in kept:
        kept["hint_formats"] = tuple(several("hint_formats", kept["hint_formats"]))
    return kept


def to_image(image: bytes | Path | RawImage) -> pb.Image:
    """One image of a request.

    Raises:
        InvalidRequest: a raw image's rotation.
        InvalidImage: the file cannot be read.
        LimitExceeded: the file is larger than any message can be.
        ValueError: a raw image's number that its field cannot hold.
    """
    if isinstance(image, RawImage):
        return pb.Image(raw=_raw(image))
    return pb.Image(encoded=_bytes(image))


def _bytes(image: bytes | os.PathLike[str]) -> bytes:
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if not isinstance(image, os.PathLike):
        raise TypeError(
            f"image: {type(image).__name__}; expected the bytes of an image file, its Path(...) or "
            "a RawImage (RawImage.from_array for pixels)"
        )
    path = Path(image)
    try:
        size = path.stat().st_size
        if size > LARGEST_MESSAGE:
            raise LimitExceeded(
                "IMAGE_TOO_LARGE", f"the file has {size} bytes; a message has {LARGEST_MESSAGE}"
            )
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage("UNREADABLE_IMAGE", f"cannot be read: {error.strerror}") from error


def _raw(image: RawImage) -> pb.RawImage:
    matrix, color_range = image.color_matrix, image.color_range
    if image.rotation not in ROTATIONS:
        raise InvalidRequest("INVALID_REQUEST", "rotation: 0, 90, 180 or 270 degrees clockwise")
    return pb.RawImage(
        pixel_format=f"PIXEL_FORMAT_{PixelFormat(image.pixel_format)}",
        width=image.width,
        height=image.height,
        planes=[pb.Plane(data=bytes(plane.data), stride=plane.stride) for plane in image.planes],
        color_matrix=f"COLOR_MATRIX_{ColorMatrix(matrix)}" if matrix else None,
        color_range=f"COLOR_RANGE_{ColorRange(color_range)}" if color_range else None,
        rotation=ROTATIONS[image.rotation],
    )


def _target(options: Options) -> pb.Target | None:
    sizes = (options.get("bpp"), options.get("size_bytes"), options.get("quality"))
    if sum(size is not None for size in sizes) > 1:
        raise InvalidRequest("INVALID_REQUEST", "give at most one of bpp, size_bytes and quality")
    match sizes:
        case (None, None, None):
            return None
        case (bpp, None, None):
            return pb.Target(bpp=bpp)
        case (None, size_bytes, None):
            return pb.Target(size_bytes=size_bytes)
        case (_, _, quality):
            return pb.Target(quality=quality)


def _mask_number(name: str) -> pb.MaskType:
    try:
        return _MASK_NUMBERS[MaskType(name)]
    except ValueError:
        raise InvalidRequest(
            "INVALID_REQUEST", f"masks: {name!r} is none of {', '.join(MaskType)}"
        ) from None


def _policy(options: Options) -> pb.Policy:
    weights = options.get("content_weights")
    if weights and not set(weights) <= set(CONTENTS):
        raise InvalidRequest(
            "INVALID_REQUEST", f"content_weights: the contents are {', '.join(CONTENTS)}"
        )
    return pb.Policy(
        preset=options.get("preset") or "",
        threshold=options.get("threshold"),
        content_weights=pb.ContentWeights(**weights) if weights else None,
        smallest_region=options.get("smallest_region"),
        max_error_probability=options.get("max_error_probability"),
    )


def to_priority(name: str) -> pb.Priority:
    """The queue's number.

    Raises:
        InvalidRequest: neither ``live`` nor ``batch``.
    """
    numbers = {"live": pb.PRIORITY_LIVE, "batch": pb.PRIORITY_BATCH}
    if name not in numbers:
        raise InvalidRequest("INVALID_REQUEST", "priority: live or batch")
    return numbers[name]


def to_analysis(message: pb.Analysis) -> Analysis:
    """The answer as this package's type."""
    return Analysis(
        decision=_decision(message.decision),
        reasons=tuple(Reason(_reason_code(item.code), item.message) for item in message.reasons),
        image=to_facts(message.image),
        target=ResolvedTarget(message.target.codec, message.target.bpp, message.target.level),
        regions=tuple(_region(region) for region in message.regions),
        risk_area_fraction=message.risk_area_fraction,
        safe_bpp=message.safe_bpp if message.HasField("safe_bpp") else None,
        damage=to_damage(message.damage) if message.HasField("damage") else None,
        policy=to_policy(message.policy) if message.HasField("policy") else None,
        jpeg=JpegAdvice(
            message.jpeg.quality,
            message.jpeg.subsampling,
            message.jpeg.estimated_bytes,
            message.jpeg.safe,
        ),
        model=ModelInfo(message.model.name, message.model.sha256),
        hints=tuple(
            Hint(
                hint.format,
                hint.data,
                hint.grid.columns,
                hint.grid.rows,
                hint.grid.block,
                _effectiveness(hint.effectiveness),
            )
            for hint in message.hints
        ),
        masks=tuple(
            Mask(
                MaskType(pb.MaskType.Name(mask.type).removeprefix("MASK_TYPE_")),
                mask.png,
                mask.stride,
            )
            for mask in message.masks
        ),
    )


def to_facts(message: pb.ImageFacts) -> ImageFacts:
    """What is known of an image as this package's type."""
    return ImageFacts(
        message.width, message.height, message.sha256, message.format, tuple(message.notes)
    )


def _decision(number: pb.Decision) -> Decision:
    try:
        return Decision(pb.Decision.Name(number).removeprefix("DECISION_"))
    except ValueError:
        raise NotSupported(
            "UNKNOWN_DECISION", "the server's decision is newer than this client; upgrade riskmask"
        ) from None


def _reason_code(number: pb.ReasonCode) -> str:
    known = number in pb.ReasonCode.values()
    return pb.ReasonCode.Name(number).removeprefix("REASON_CODE_") if known else f"CODE_{number}"


def _region(message: pb.Region) -> Region:
    box, content, kind = message.box, message.content, message.kind
    return Region(
        box=(box.x, box.y, box.width, box.height),
        polygon=tuple((point.x, point.y) for point in message.polygon),
        content=Content(content.text, content.face, content.symbol),
        risk=message.risk,
        kind=Kind(kind.amplitude, kind.geometry, kind.shape),
        high_impact=message.high_impact,
        safe_level=message.safe_level if message.HasField("safe_level") else None,
        safe_bpp=message.safe_bpp if message.HasField("safe_bpp") else None,
        explanation=to_explanation(message.explanation)
        if message.HasField("explanation")
        else None,
    )


def _effectiveness(number: pb.Effectiveness) -> Effectiveness:
    try:
        return Effectiveness(pb.Effectiveness.Name(number).removeprefix("EFFECTIVENESS_"))
    except ValueError:
        raise NotSupported(
            "UNKNOWN_EFFECTIVENESS",
            "what the server knows of a hint is newer than this client; upgrade riskmask",
        ) from None


def _pixel_format(number: pb.PixelFormat) -> str:
    known = number in pb.PixelFormat.values()
    return pb.PixelFormat.Name(number).removeprefix("PIXEL_FORMAT_") if known else f"CODE_{number}"


def to_server_info(message: pb.GetServerInfoResponse) -> ServerInfo:
    """What a server says of itself as this package's type."""
    return ServerInfo(
        version=message.server_version,
        model=ModelInfo(message.model.name, message.model.sha256),
        codecs=tuple(
            CodecInfo(
                name=codec.name,
                description=codec.description,
                version=codec.version,
                quality=(codec.quality.minimum, codec.quality.maximum),
                quality_meaning=codec.quality.meaning,
                known_quality=(codec.quality.coarsest, codec.quality.finest),
                level=(codec.level.minimum, codec.level.maximum),
            )
            for codec in message.codecs
        ),
        hint_formats=tuple(
            HintFormat(hint.name, _effectiveness(hint.effectiveness))
            for hint in message.hint_formats
        ),
        limits=Limits(
            message.limits.max_image_bytes,
            message.limits.max_image_pixels,
            message.limits.max_image_side,
            message.limits.max_message_bytes,
        ),
        input_formats=tuple(message.input_formats),
        pixel_formats=tuple(_pixel_format(number) for number in message.pixel_formats),
        policy_presets=tuple(message.policy_presets),
        default_codec=message.default_codec,
        default_bpp=message.default_bpp,
        annotators=tuple(message.annotators),
        missing_annotators=tuple(
            MissingAnnotator(missing.name, missing.message)
            for missing in message.missing_annotators
        ),
    )
