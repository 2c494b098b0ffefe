"""Between the contract's messages and the engine's values. Decides nothing."""

from __future__ import annotations

from enum import Enum
from typing import Any

from riskmask.server.engine import values
from riskmask.server.engine.policy import PRESETS
from riskmask.server.engine.raw_image import RawImage
from riskmask.server.errors import InvalidRequest
from riskmask.server.pool import Priority
from riskmask.server.translate_raw import to_raw_image
from riskmask.v1 import riskmask_pb2 as pb

DEFAULT_PRESET = "balanced"


def to_request(message: pb.AnalyzeRequest) -> values.AnalysisRequest:
    """The question in the engine's terms; what is unset gets the engine's defaults.

    Raises:
        InvalidRequest: no image, or a name or number that is unknown.
    """
    defaults = values.AnalysisRequest(image=to_image(message.image, "image"))
    return values.AnalysisRequest(
        image=defaults.image,
        codec=message.codec or defaults.codec,
        target=to_target(message.target),
        hint_formats=tuple(dict.fromkeys(message.hint_formats)),
        masks=tuple(to_mask(number) for number in dict.fromkeys(message.masks)),
        policy=to_policy(message.policy),
    )


def to_image(message: pb.Image, field: str) -> bytes | RawImage:
    """An encoded image's bytes, or raw pixels.

    Raises:
        InvalidRequest: neither kind of image is set, or a name of the raw one is unknown.
    """
    match message.WhichOneof("source"):
        case "encoded":
            return message.encoded
        case "raw":
            return to_raw_image(message.raw, f"{field}.raw")
    raise InvalidRequest(
        f"{field}: set `encoded` to the bytes of an image file, or `raw` to pixels"
    )


def to_target(message: pb.Target) -> values.Target:
    """The size asked for, or the default where none is set."""
    match message.WhichOneof("size"):
        case "bpp":
            return values.Target(bpp=message.bpp)
        case "size_bytes":
            return values.Target(size_bytes=message.size_bytes)
        case "quality":
            return values.Target(quality=message.quality)
        case _:
            return values.DEFAULT_TARGET


def to_priority(number: int) -> Priority:
    """Which queue to wait in; unset is live.

    Raises:
        InvalidRequest: there is none of this number.
    """
    match number:
        case pb.PRIORITY_UNSPECIFIED | pb.PRIORITY_LIVE:
            return Priority.LIVE
        case pb.PRIORITY_BATCH:
            return Priority.BATCH
    raise InvalidRequest(f"priority: {number} is neither LIVE nor BATCH")


def to_mask(number: int) -> values.Mask:
    """The mask of this number.

    Raises:
        InvalidRequest: there is none.
    """
    try:
        return values.Mask(_short(pb.MaskType, "MASK_TYPE_", number))
    except ValueError:
        known = ", ".join(mask.value for mask in values.Mask)
        raise InvalidRequest(f"masks: {number} is none of {known}") from None


def to_policy(message: pb.Policy) -> values.Policy:
    """The preset with its overrides.

    Raises:
        InvalidRequest: the preset is unknown.
    """
    name = message.preset or DEFAULT_PRESET
    if name not in PRESETS:
        raise InvalidRequest(f"policy.preset: unknown; one of {', '.join(sorted(PRESETS))}")
    preset, weights = PRESETS[name], message.content_weights

    def chosen(holder: pb.Policy | pb.ContentWeights, field: Any, otherwise: float) -> float:
        return float(getattr(holder, field)) if holder.HasField(field) else otherwise

    return values.Policy(
        threshold=chosen(message, "threshold", preset.threshold),
        text_weight=chosen(weights, "text", preset.text_weight),
        face_weight=chosen(weights, "face", preset.face_weight),
        symbol_weight=chosen(weights, "symbol", preset.symbol_weight),
        other_weight=chosen(weights, "other", preset.other_weight),
        smallest_region=int(chosen(message, "smallest_region", preset.smallest_region)),
        max_error_probability=chosen(
            message, "max_error_probability", preset.max_error_probability
        ),
    )


def from_policy(policy: values.Policy) -> pb.Policy:
    """A policy as a message, every value set and no preset named."""
    return pb.Policy(
        threshold=policy.threshold,
        content_weights=pb.ContentWeights(
            text=policy.text_weight,
            face=policy.face_weight,
            symbol=policy.symbol_weight,
            other=policy.other_weight,
        ),
        smallest_region=policy.smallest_region,
        max_error_probability=policy.max_error_probability,
    )


def from_analysis(analysis: values.Analysis) -> pb.Analysis:
    """The answer as a message."""
    return pb.Analysis(
        decision=_number(pb.Decision, "DECISION_", analysis.decision),
        reasons=[
            pb.Reason(
                code=_number(pb.ReasonCode, "REASON_CODE_", reason.code), message=reason.message
            )
            for reason in analysis.reasons
        ],
        image=from_facts(analysis.image),
        target=pb.ResolvedTarget(
            codec=analysis.target.codec, bpp=analysis.target.bpp, level=analysis.target.level
        ),
        regions=[from_region(region) for region in analysis.regions],
        risk_area_fraction=analysis.risk_area_fraction,
        safe_bpp=analysis.safe_bpp,
        damage=from_predicted_damage(analysis.damage),
        policy=from_policy(analysis.policy),
        jpeg=pb.JpegAdvice(
            quality=analysis.jpeg.quality,
            subsampling=analysis.jpeg.subsampling,
            estimated_bytes=analysis.jpeg.estimated_bytes,
            safe=analysis.jpeg.safe,
        ),
        hints=[from_hint(hint) for hint in analysis.hints],
        masks=[
            pb.Mask(
                type=_number(pb.MaskType, "MASK_TYPE_", mask.mask),
                png=mask.png,
                stride=mask.stride,
            )
            for mask in analysis.masks
        ],
        model=from_model(analysis.model),
    )


def from_predicted_damage(damage: values.PredictedDamage) -> pb.PredictedDamage:
    """The damage in each way as a message."""
    return pb.PredictedDamage(
        uniform=from_damage(damage.uniform),
        hinted=from_damage(damage.hinted),
        safe=None if damage.safe is None else from_damage(damage.safe),
        jpeg=from_damage(damage.jpeg),
    )


def from_damage(damage: values.Damage) -> pb.Damage:
    """What an image is expected to lose as a message."""
    return pb.Damage(error_probability=damage.error_probability, pixels=damage.pixels)


def from_facts(facts: values.ImageFacts) -> pb.ImageFacts:
    """What is known of an image as a message."""
    return pb.ImageFacts(
        width=facts.width,
        height=facts.height,
        sha256=facts.sha256,
        format=facts.format,
        notes=facts.notes,
    )


def decision_name(number: int) -> str:
    """The decision of a message in one word."""
    return _short(pb.Decision, "DECISION_", number)


def from_region(region: values.Region) -> pb.Region:
    """One region as a message."""
    x, y, width, height = region.box
    return pb.Region(
        box=pb.Box(x=x, y=y, width=width, height=height),
        polygon=[pb.Point(x=corner[0], y=corner[1]) for corner in region.polygon],
        content=pb.ContentProbabilities(
            text=region.content.text, face=region.content.face, symbol=region.content.symbol
        ),
        risk=region.risk,
        kind=pb.KindProbabilities(
            amplitude=region.kind.amplitude,
            geometry=region.kind.geometry,
            shape=region.kind.shape,
        ),
        high_impact=region.high_impact,
        safe_level=region.safe_level,
        safe_bpp=region.safe_bpp,
        explanation=None if region.explanation is None else from_explanation(region.explanation),
    )


def from_explanation(explanation: values.Explanation) -> pb.Explanation:
    """Why a region is flagged as a message."""
    content, safe = explanation.content, explanation.safe_text_height
    return pb.Explanation(
        content=f"CONTENT_{(content or 'unspecified').upper()}",
        content_probability=explanation.content_probability,
        kind=f"KIND_{explanation.kind.upper()}",
        kind_probability=explanation.kind_probability,
        text_height=explanation.text_height,
        safe_text_height=None
        if safe is None
        else pb.SafeTextHeight(pixels=safe.pixels, changed_share=safe.changed_share),
    )


def from_hint(hint: values.HintPayload) -> pb.HintPayload:
    """One hint as a message; a list has no grid."""
    grid = pb.Grid(columns=hint.columns, rows=hint.rows, block=hint.block) if hint.block else None
    return pb.HintPayload(
        format=hint.format,
        data=hint.data,
        grid=grid,
        effectiveness=effectiveness_number(hint.effectiveness),
    )


def from_model(model: values.ModelFacts) -> pb.ModelInfo:
    """Name and hash of the model as a message."""
    return pb.ModelInfo(name=model.name, sha256=model.sha256)


def effectiveness_number(effectiveness: str) -> Any:
    """The contract's number of ``EFFECTIVE``, ``NOT_EFFECTIVE_ON_STILLS`` or ``UNPROVEN``."""
    return pb.Effectiveness.Value(f"EFFECTIVENESS_{effectiveness}")


def _number(enum: Any, prefix: str, member: Enum) -> Any:
    return enum.Value(prefix + member.value)


def _short(enum: Any, prefix: str, number: int) -> str:
    """The name of a number without its prefix; raises ValueError where there is none."""
    name: str = enum.Name(number)
    return name.removeprefix(prefix)
