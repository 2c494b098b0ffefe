"""Between the contract's messages of a verification and its values. Decides nothing."""

from __future__ import annotations

from typing import Any, Final

from riskmask.server.errors import InvalidRequest
from riskmask.server.translate import from_facts, to_image
from riskmask.server.verification import values
from riskmask.server.verification.known_regions import check_box, check_corners, check_number
from riskmask.server.verification.parts import STRIDE
from riskmask.v1 import riskmask_pb2 as pb

_CONTENTS: Final[dict[int, values.Content]] = {
    pb.CONTENT_TEXT: "text",
    pb.CONTENT_FACE: "face",
    pb.CONTENT_SYMBOL: "symbol",
}
_KINDS: Final[dict[values.Kind, pb.Kind]] = {
    "amplitude": pb.KIND_AMPLITUDE,
    "geometry": pb.KIND_GEOMETRY,
    "shape": pb.KIND_SHAPE,
}
_NUMBERS: Final = {name: number for number, name in _CONTENTS.items()}


def to_verification_request(message: pb.VerifyRequest) -> values.VerificationRequest:
    """The question in the verifier's terms.

    Raises:
        InvalidRequest: an image is missing, or a name or number is unknown.
        InvalidRegionError: there are too many regions, or one has no area or too many corners.
    """
    check_number(len(message.known_regions))  # what is too much is not translated first
    return values.VerificationRequest(
        original=to_image(message.original, "original"),
        reconstruction=to_image(message.reconstruction, "reconstruction"),
        regions=tuple(
            to_region(region, index) for index, region in enumerate(message.known_regions)
        ),
        annotators=tuple(message.annotators),
    )


def to_region(message: pb.KnownRegion, index: int) -> values.Region:
    """A known region; a box becomes its four corners.

    Raises:
        InvalidRequest: its content is not set or unknown, or neither box nor polygon is set.
        InvalidRegionError: the box has no area, or the polygon too few or too many corners.
    """
    field = f"known_regions[{index}]"
    content = _CONTENTS.get(message.content)
    if content is None:
        known = ", ".join(name.upper() for name in _CONTENTS.values())
        raise InvalidRequest(f"{field}.content: {message.content} is none of {known}")
    if not (message.polygon or message.HasField("box")):
        raise InvalidRequest(f"{field}: set `box` or `polygon`")
    if message.polygon:
        check_corners(index, len(message.polygon))
        polygon = tuple((corner.x, corner.y) for corner in message.polygon)
    else:
        check_box(index, message.box.width, message.box.height)
        polygon = _corners(message.box)
    icon = (message.icon.family, message.icon.name) if message.HasField("icon") else None
    return values.Region(
        content=content,
        polygon=polygon,
        transcription=message.transcription or None,
        icon=icon,
    )


def from_verification(verification: values.Verification) -> pb.VerifyResponse:
    """The answer as a message."""
    return pb.VerifyResponse(
        findings=[from_finding(finding) for finding in verification.findings],
        original=from_facts(verification.original),
        reconstruction=from_facts(verification.reconstruction),
        examined=[
            pb.ExaminedRegion(
                box=_box(region.box),
                polygon=_points(region.polygon),
                content=_content(region.content),
                judged=region.judged,
            )
            for region in verification.examined
        ],
        annotators=verification.annotators,
    )


def from_finding(finding: values.MeasuredFinding) -> pb.Finding:
    """One finding as a message."""
    mask = pb.FindingMask(png=finding.mask_png, stride=STRIDE) if finding.mask_png else None
    return pb.Finding(
        box=_box(finding.box),
        mask=mask,
        kind=_KINDS[finding.kind],
        content=_content(finding.content),
        high_impact=finding.high_impact,
        severity=finding.severity,
        evidence=finding.evidence,
        annotator=finding.annotator,
        polygon=_points(finding.polygon),
        examined_region=finding.region,
    )


def _content(content: values.Content | None) -> Any:
    return pb.CONTENT_UNSPECIFIED if content is None else _NUMBERS[content]


def _box(box: values.Box) -> pb.Box:
    x, y, width, height = box
    return pb.Box(x=x, y=y, width=width, height=height)


def _points(corners: values.Corners) -> list[pb.Point]:
    return [pb.Point(x=x, y=y) for x, y in corners]


def _corners(box: pb.Box) -> values.Corners:
    right, bottom = box.x + box.width, box.y + box.height
    return (box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom)
