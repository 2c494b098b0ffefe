"""Messages and the engine's values say the same."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from riskmask import client
from riskmask.server.engine import raw_image, values
from riskmask.server.engine.errors import InvalidRegionError
from riskmask.server.engine.values import Mask
from riskmask.server.errors import InvalidRequest
from riskmask.server.pool import Priority
from riskmask.server.translate import from_policy, from_region, to_priority, to_request
from riskmask.server.translate_verify import from_verification, to_verification_request
from riskmask.server.verification import values as verification
from riskmask.v1 import riskmask_pb2 as pb

IMAGE = pb.Image(encoded=b"image")


@pytest.mark.parametrize(
    ("engine", "contract", "prefix"),
    [
        (values.Decision, pb.Decision, "DECISION_"),
        (values.ReasonCode, pb.ReasonCode, "REASON_CODE_"),
        (values.Mask, pb.MaskType, "MASK_TYPE_"),
        (client.Decision, pb.Decision, "DECISION_"),
        (client.MaskType, pb.MaskType, "MASK_TYPE_"),
        (client.Effectiveness, pb.Effectiveness, "EFFECTIVENESS_"),
        (raw_image.PixelFormat, pb.PixelFormat, "PIXEL_FORMAT_"),
        (raw_image.ColorMatrix, pb.ColorMatrix, "COLOR_MATRIX_"),
        (raw_image.ColorRange, pb.ColorRange, "COLOR_RANGE_"),
        (client.PixelFormat, pb.PixelFormat, "PIXEL_FORMAT_"),
        (client.ColorMatrix, pb.ColorMatrix, "COLOR_MATRIX_"),
        (client.ColorRange, pb.ColorRange, "COLOR_RANGE_"),
    ],
)
def test_enums_have_the_same_members(engine: type[Enum], contract: Any, prefix: str) -> None:
    names = {name.removeprefix(prefix) for name in contract.keys()}  # noqa: SIM118 - no mapping
    assert names - {"UNSPECIFIED"} == {member.name for member in engine}


def test_the_image_alone_gets_the_engines_defaults() -> None:
    request = to_request(pb.AnalyzeRequest(image=IMAGE))
    assert request == values.AnalysisRequest(image=b"image")


def test_overrides_change_what_they_name_and_nothing_else() -> None:
    weights = pb.ContentWeights(face=0.0)
    policy = pb.Policy(preset="balanced", threshold=0.5, content_weights=weights)
    request = to_request(pb.AnalyzeRequest(image=IMAGE, policy=policy))
    assert request.policy == values.Policy(threshold=0.5, face_weight=0.0)
    whole = pb.Policy(
        threshold=0.1,
        content_weights=pb.ContentWeights(text=0.2, face=0.3, symbol=0.4, other=0.5),
        smallest_region=0,
        max_error_probability=0.6,
    )
    request = to_request(pb.AnalyzeRequest(image=IMAGE, policy=whole))
    assert request.policy == values.Policy(0.1, 0.2, 0.3, 0.4, 0.5, 0, 0.6)
    assert from_policy(request.policy) == whole


@pytest.mark.parametrize(
    ("target", "value"),
    [
        (pb.Target(bpp=0.5), values.Target(bpp=0.5)),
        (pb.Target(bpp=0.0), values.Target(bpp=0.0)),
        (pb.Target(size_bytes=1000), values.Target(size_bytes=1000)),
        (pb.Target(quality=0.0), values.Target(quality=0.0)),
        (pb.Target(), values.DEFAULT_TARGET),
    ],
)
def test_the_target_is_the_one_that_is_set(target: pb.Target, value: values.Target) -> None:
    assert to_request(pb.AnalyzeRequest(image=IMAGE, target=target)).target == value


@pytest.mark.parametrize("mask", [0, 99])
def test_a_mask_that_does_not_exist_is_refused(mask: int) -> None:
    message = pb.AnalyzeRequest(image=IMAGE)
    message.masks.append(mask)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="RISK, TEXT"):
        to_request(message)


def test_no_image_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="`encoded`"):
        to_request(pb.AnalyzeRequest())


def test_a_name_given_twice_is_asked_for_once() -> None:
    """A million masks are a megabyte, and there are five."""
    message = pb.AnalyzeRequest(image=pb.Image(encoded=b"1"))
    message.masks.extend([pb.MASK_TYPE_RISK, pb.MASK_TYPE_TEXT] * 1000)
    message.hint_formats.extend(["x264", "x265"] * 1000)
    request = to_request(message)
    assert request.masks == (Mask.RISK, Mask.TEXT)
    assert request.hint_formats == ("x264", "x265")


@pytest.mark.parametrize(
    ("number", "priority"),
    [
        (pb.PRIORITY_UNSPECIFIED, Priority.LIVE),
        (pb.PRIORITY_LIVE, Priority.LIVE),
        (pb.PRIORITY_BATCH, Priority.BATCH),
    ],
)
def test_a_priority_is_the_one_that_is_set(number: int, priority: Priority) -> None:
    assert to_priority(number) is priority


def test_a_priority_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="priority: 99"):
        to_priority(99)


def test_a_region_arrives_with_all_that_is_known_of_it() -> None:
    region = values.Region(
        box=(1, 2, 30, 40),
        polygon=((1, 2), (31, 2), (31, 42)),
        content=values.Content(0.125, 0.25, 0.5),
        risk=0.75,
        kind=values.Kind(0.0625, 0.1875, 0.3125),
        high_impact=0.4375,
        safe_level=4.25,
        safe_bpp=0.875,
    )
    message = from_region(region)
    box = message.box
    assert (box.x, box.y, box.width, box.height) == region.box
    assert tuple((corner.x, corner.y) for corner in message.polygon) == region.polygon
    content, kind = message.content, message.kind
    assert (content.text, content.face, content.symbol) == (0.125, 0.25, 0.5)
    assert (kind.amplitude, kind.geometry, kind.shape) == (0.0625, 0.1875, 0.3125)
    assert (message.risk, message.high_impact) == (0.75, 0.4375)
    assert (message.safe_level, message.safe_bpp) == (4.25, 0.875)
    assert not message.HasField("explanation")


def test_a_region_that_is_never_safe_arrives_without_a_safe_level() -> None:
    region = values.Region(
        *((0, 0, 4, 4), ((0, 0), (4, 0), (4, 4)), values.Content(0, 0, 0), 1.0),
        *(values.Kind(0, 0, 0), 0.0),
        safe_level=None,
        safe_bpp=None,
    )
    message = from_region(region)
    assert not message.HasField("safe_level")
    assert not message.HasField("safe_bpp")


@pytest.mark.parametrize("transcription", ["SPEED 60", None])
def test_what_a_known_region_says_arrives(transcription: str | None) -> None:
    image = pb.Image(encoded=b"1")
    known = pb.KnownRegion(
        content=pb.CONTENT_TEXT,
        box=pb.Box(x=1, y=2, width=3, height=4),
        transcription=transcription,
    )
    asked = to_verification_request(
        pb.VerifyRequest(original=image, reconstruction=image, known_regions=[known])
    )
    [region] = asked.regions
    assert region.transcription == transcription
    assert region.polygon == ((1, 2), (4, 2), (4, 6), (1, 6))
    assert region.icon is None


@pytest.mark.parametrize("judged", [True, False])
def test_whether_a_region_was_judged_arrives(judged: bool) -> None:
    facts = values.ImageFacts(8, 8, "0" * 64, "PNG", ())
    corners = ((0, 0), (8, 0), (8, 8))
    region = verification.ExaminedRegion("text", (0, 0, 8, 8), corners, judged)
    message = from_verification(verification.Verification((), facts, facts, (region,), ("text",)))
    [examined] = message.examined
    assert examined.judged is judged
    assert examined.content == pb.CONTENT_TEXT


def test_regions_beyond_the_limit_are_refused_before_they_are_translated() -> None:
    image = pb.Image(encoded=b"1")
    unset = pb.VerifyRequest(
        original=image, reconstruction=image, known_regions=[pb.KnownRegion()] * 1001
    )
    with pytest.raises(InvalidRegionError, match="1001 are given"):
        to_verification_request(unset)
    corners = pb.KnownRegion(content=pb.CONTENT_TEXT, polygon=[pb.Point()] * 257)
    many = pb.VerifyRequest(original=image, reconstruction=image, known_regions=[corners])
    with pytest.raises(InvalidRegionError, match="257 corners"):
        to_verification_request(many)
