"""The decision is the cheapest safe way, and its reasons say so with figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.decide import Evidence, decide
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.values import (
    Analysis,
    AnalysisRequest,
    Decision,
    Policy,
    Reason,
    ReasonCode,
    Target,
)

RISKS = (ReasonCode.RISK_REGIONS, ReasonCode.ERROR_PROBABILITY)
EXAMPLES = Path(__file__).parents[2] / "examples"
RED, BLUE = (255, 0, 0), (0, 0, 255)
Paint = Callable[..., NDArray[np.uint8]]
Encode = Callable[..., bytes]


@pytest.fixture(scope="module")
def packaged() -> Engine:
    """The engine as it is installed."""
    return Engine.default(threads=1)


def _codes(analysis: Analysis) -> list[ReasonCode]:
    return [reason.code for reason in analysis.reasons]


def test_a_harmless_image_is_encoded_as_asked(engine: Engine, paint: Paint, encode: Encode) -> None:
    analysis = engine.analyze(AnalysisRequest(encode(paint(256, 256)), target=Target(bpp=0.1)))
    assert analysis.decision is Decision.ENCODE
    assert _codes(analysis) == [ReasonCode.NO_RISK]
    assert analysis.regions == ()
    assert analysis.risk_area_fraction == 0.0
    assert "48 pixels" in analysis.reasons[0].message
    assert "of which the policy accepts less than 0.1" in analysis.reasons[0].message


def test_a_small_region_is_paid_for_by_the_background(
    engine: Engine, paint: Paint, encode: Encode
) -> None:
    content = encode(paint(512, 512, {(64, 64, 64, 32): RED}))
    analysis = engine.analyze(AnalysisRequest(content, target=Target(bpp=0.045)))
    assert analysis.decision is Decision.ENCODE_WITH_HINTS
    assert _codes(analysis) == [*RISKS, ReasonCode.HINTS_SUFFICE]
    assert "1 region, 0.78% of the image" in analysis.reasons[0].message


def _noisy_red(size: int) -> NDArray[np.uint8]:
    """Red that fills the image, so that no background can pay, and costs a JPEG dearly."""
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[..., 0] = 255
    noise = np.random.default_rng(0).integers(0, 60, (size, size))
    pixels[..., 1] = pixels[..., 2] = noise
    return pixels


def test_the_rate_is_raised_where_that_costs_less_than_a_safe_jpeg(
    engine: Engine, encode: Encode
) -> None:
    analysis = engine.analyze(AnalysisRequest(encode(_noisy_red(256)), target=Target(bpp=0.05)))
    assert analysis.decision is Decision.RAISE_RATE
    assert _codes(analysis) == [*RISKS, ReasonCode.SAFE_RATE_CHEAPER_THAN_JPEG]
    assert analysis.safe_bpp is not None
    assert analysis.safe_bpp * 256 * 256 / 8 < analysis.jpeg.estimated_bytes


def test_asking_again_at_the_safe_rate_answers_encode(engine: Engine, encode: Encode) -> None:
    content = encode(_noisy_red(256))
    first = engine.analyze(AnalysisRequest(content, target=Target(bpp=0.05)))
    second = engine.analyze(AnalysisRequest(content, target=Target(bpp=first.safe_bpp)))
    assert second.decision is Decision.ENCODE


def test_what_no_rate_makes_safe_falls_back_to_jpeg(
    engine: Engine, paint: Paint, encode: Encode
) -> None:
    content = encode(paint(256, 256, {(64, 64, 64, 64): BLUE}))
    analysis = engine.analyze(AnalysisRequest(content, target=Target(bpp=0.2)))
    assert analysis.decision is Decision.FALLBACK_JPEG
    assert _codes(analysis) == [
        *RISKS,
        ReasonCode.NO_SMALLER_SAFE_NEURAL_RATE,
        ReasonCode.JPEG_AT_RISK,
    ]
    assert "No rate of hyperprior is safe" in analysis.reasons[2].message
    assert "Not even a JPEG at quality 95 is safe" in analysis.reasons[3].message
    assert analysis.jpeg.safe is False
    assert analysis.safe_bpp is None
    assert analysis.jpeg.subsampling == "4:4:4"


def test_a_jpeg_larger_than_what_was_asked_for_is_said_so(
    engine: Engine, paint: Paint, encode: Encode
) -> None:
    content = encode(paint(256, 256, {(64, 64, 64, 64): BLUE}))
    analysis = engine.analyze(AnalysisRequest(content, target=Target(size_bytes=900)))
    assert analysis.decision is Decision.FALLBACK_JPEG
    assert _codes(analysis)[-1] is ReasonCode.JPEG_EXCEEDS_TARGET
    assert analysis.reasons[-1].message.endswith("900 were asked for.")


def test_a_jpeg_of_just_the_bytes_that_were_asked_for_does_not_exceed_them(
    engine: Engine, paint: Paint, encode: Encode
) -> None:
    content = encode(paint(256, 256, {(64, 64, 64, 64): BLUE}))

    def asked(size_bytes: int) -> Analysis:
        return engine.analyze(AnalysisRequest(content, target=Target(size_bytes=size_bytes)))

    needed = asked(900).jpeg.estimated_bytes
    assert asked(needed).jpeg.estimated_bytes == needed
    assert ReasonCode.JPEG_EXCEEDS_TARGET not in _codes(asked(needed))
    assert ReasonCode.JPEG_EXCEEDS_TARGET in _codes(asked(needed - 1))


@pytest.fixture
def evidence(engine: Engine, encode: Encode, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """Of a picture whose rate is to be raised."""
    seen: list[Evidence] = []

    def watched(evidence: Evidence) -> tuple[Decision, tuple[Reason, ...]]:
        seen.append(evidence)
        return decide(evidence)

    monkeypatch.setattr("riskmask.server.engine.engine.decide", watched)
    engine.analyze(AnalysisRequest(encode(_noisy_red(256)), target=Target(bpp=0.05)))
    [one] = seen
    assert decide(one)[0] is Decision.RAISE_RATE
    return one


def test_of_a_rate_and_a_jpeg_that_cost_the_same_jpeg_is_taken(evidence: Evidence) -> None:
    assert evidence.safe_bpp is not None
    same = round(evidence.safe_bpp * evidence.pixels / 8)
    for needed, decision in ((same, Decision.FALLBACK_JPEG), (same + 1, Decision.RAISE_RATE)):
        jpeg = replace(evidence.jpeg, estimated_bytes=needed)
        assert decide(replace(evidence, jpeg=jpeg))[0] is decision


def test_an_error_as_likely_as_the_limit_is_a_reason(evidence: Evidence) -> None:
    probability = evidence.damage.uniform.error_probability
    assert probability is not None
    codes = [reason.code for reason in decide(replace(evidence, limit=probability))[1]]
    assert ReasonCode.ERROR_PROBABILITY in codes
    laxer = decide(replace(evidence, limit=float(np.nextafter(probability, 1))))[1]
    assert ReasonCode.ERROR_PROBABILITY not in [reason.code for reason in laxer]


def test_that_a_list_of_regions_is_not_all_is_said_where_it_is_not(evidence: Evidence) -> None:
    assert evidence.regions.count == len(evidence.regions.listed)
    message = decide(evidence)[1][0].message
    assert "that matter most" not in message
    more = replace(evidence.regions, count=evidence.regions.count + 1)
    message = decide(replace(evidence, regions=more))[1][0].message
    assert "that matter most are listed" in message


def test_a_safe_rate_that_costs_more_than_a_jpeg_is_not_advised(
    engine: Engine, encode: Encode
) -> None:
    # Stripes of 8 pixels are busy to the tiny detector, and a flat 8x8 block each to JPEG.
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, np.arange(512) // 8 % 2 == 0, 0] = 255
    analysis = engine.analyze(AnalysisRequest(encode(stripes), target=Target(bpp=0.05)))
    assert analysis.decision is Decision.FALLBACK_JPEG
    assert analysis.safe_bpp is not None
    assert analysis.safe_bpp * 512 * 512 / 8 >= analysis.jpeg.estimated_bytes
    fallback = {reason.code: reason.message for reason in analysis.reasons}
    assert "is safe from" in fallback[ReasonCode.NO_SMALLER_SAFE_NEURAL_RATE]
    assert ReasonCode.JPEG_AT_RISK not in fallback
    assert analysis.jpeg.safe is True


def test_a_safe_rate_is_raised_to_at_any_cost_where_no_jpeg_is_safe(
    predictor: Predictor, profiles: dict[str, CodecProfile], encode: Encode
) -> None:
    # The same stripes, and a JPEG profile that stops at a level where red is at risk still.
    coarse = replace(profiles["jpeg"], anchors=((1.0, 5.0), (4.0, 50.0)))
    engine = Engine(predictor, profiles | {"jpeg": coarse})
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, np.arange(512) // 8 % 2 == 0, 0] = 255
    analysis = engine.analyze(AnalysisRequest(encode(stripes), target=Target(bpp=0.05)))
    assert analysis.decision is Decision.RAISE_RATE
    assert analysis.jpeg.safe is False
    assert _codes(analysis) == [*RISKS, ReasonCode.JPEG_AT_RISK]
    assert "hyperprior is safe from" in analysis.reasons[-1].message


@pytest.mark.parametrize("bpp", [1e-5, 100.0])
def test_a_clamped_rate_comes_first_among_the_reasons(
    bpp: float, engine: Engine, paint: Paint, encode: Encode
) -> None:
    analysis = engine.analyze(AnalysisRequest(encode(paint(64, 64)), target=Target(bpp=bpp)))
    assert _codes(analysis) == [ReasonCode.RATE_OUT_OF_RANGE, ReasonCode.NO_RISK]
    assert analysis.decision is Decision.ENCODE


def test_the_largest_bpp_there_is_has_a_decision(
    engine: Engine, paint: Paint, encode: Encode
) -> None:
    content = encode(paint(64, 64, {(16, 16, 32, 32): BLUE}))
    analysis = engine.analyze(AnalysisRequest(content, target=Target(bpp=1.7e308)))
    assert analysis.decision is Decision.FALLBACK_JPEG
    assert ReasonCode.JPEG_EXCEEDS_TARGET not in _codes(analysis)


def _at_risk(engine: Engine, content: bytes, bpp: float, **policy: float) -> Analysis:
    asked = AnalysisRequest(content, target=Target(bpp=bpp), policy=Policy(**policy))  # type: ignore[arg-type]
    return engine.analyze(asked)


def test_an_image_may_be_too_likely_to_have_an_error_without_a_region(
    engine: Engine, encode: Encode
) -> None:
    content = encode(_noisy_red(256))
    first = _at_risk(engine, content, 0.05, max_error_probability=1.0)
    assert first.safe_bpp is not None
    by_regions = _at_risk(engine, content, first.safe_bpp, max_error_probability=1.0)
    assert by_regions.decision is Decision.ENCODE
    assert "accepts" not in by_regions.reasons[0].message
    strict = _at_risk(engine, content, first.safe_bpp)
    assert strict.decision is not Decision.ENCODE
    assert strict.regions == ()
    assert _codes(strict)[0] is ReasonCode.ERROR_PROBABILITY
    assert strict.safe_bpp is not None
    assert strict.safe_bpp > first.safe_bpp


@pytest.mark.parametrize("bpp", [0.05, 0.2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("limit", [0.02, 0.1, 0.3])
def test_the_decision_follows_from_the_damage(
    engine: Engine, paint: Paint, encode: Encode, bpp: float, limit: float
) -> None:
    content = encode(paint(512, 512, {(64, 64, 64, 32): RED}))
    analysis = _at_risk(engine, content, bpp, max_error_probability=limit)
    damage = analysis.damage
    assert damage.uniform.error_probability is not None
    assert damage.hinted.error_probability is not None
    fine = damage.uniform.error_probability < limit and not analysis.regions
    assert (analysis.decision is Decision.ENCODE) == fine
    hinted = damage.hinted.error_probability < limit
    assert (analysis.decision in (Decision.ENCODE, Decision.ENCODE_WITH_HINTS)) == (fine or hinted)
    if analysis.decision is Decision.ENCODE_WITH_HINTS:
        assert damage.hinted.pixels < damage.uniform.pixels
    assert damage.jpeg.error_probability is not None
    assert (damage.jpeg.error_probability < limit) == analysis.jpeg.safe
    assert damage.safe is not None
    assert damage.safe.error_probability is not None
    assert damage.safe.error_probability < limit
    again = _at_risk(engine, content, analysis.safe_bpp or 0.0, max_error_probability=limit)
    assert again.decision is Decision.ENCODE


def test_where_a_profile_does_not_know_the_regions_decide(
    predictor: Predictor, profiles: dict[str, CodecProfile], paint: Paint, encode: Encode
) -> None:
    unknown = replace(profiles["hyperprior"], error_calibration=None)
    engine = Engine(predictor, profiles | {"hyperprior": unknown})
    content = encode(paint(512, 512, {(64, 64, 64, 32): RED}))
    analysis = _at_risk(engine, content, 0.05)
    assert ReasonCode.RISK_REGIONS in _codes(analysis)
    assert ReasonCode.ERROR_PROBABILITY not in _codes(analysis)
    assert analysis.damage.uniform.error_probability is None
    assert analysis.damage.uniform.pixels == pytest.approx(16 * float(analysis.risk.sum()))
    assert 0 < analysis.damage.uniform.pixels <= 64 * 32
    assert analysis.damage.jpeg.error_probability is not None
    by_regions = _at_risk(engine, content, 0.05, max_error_probability=1.0)
    assert by_regions.jpeg == analysis.jpeg, "a JPEG is held to no stricter rule than the codec"
    assert by_regions.safe_bpp == analysis.safe_bpp


def test_the_damage_with_hints_is_of_the_hints_in_the_answer(packaged: Engine) -> None:
    asked = AnalysisRequest(
        (EXAMPLES / "notice.png").read_bytes(),
        target=Target(bpp=0.5),
        hint_formats=("riskmask-levels",),
        policy=Policy(threshold=0.9, max_error_probability=1.0),
    )
    with_map, without = (
        packaged.analyze(asked),
        packaged.analyze(replace(asked, hint_formats=())),
    )
    assert with_map.decision is without.decision is Decision.ENCODE
    assert without.damage.uniform == with_map.damage.uniform
    hinted, uniform = without.damage.hinted, without.damage.uniform
    # The same curves, taken cell by cell for the one and as a whole for the other.
    assert hinted.pixels == pytest.approx(uniform.pixels, rel=1e-6)
    assert hinted.error_probability == pytest.approx(uniform.error_probability, rel=1e-6)
    assert with_map.damage.hinted.pixels < 0.9 * with_map.damage.uniform.pixels


def test_what_weighing_makes_safe_is_encoded_with_hints(packaged: Engine) -> None:
    """Raising all that is at risk costs too much here; weighing finds what does not."""
    notice = (EXAMPLES / "notice.png").read_bytes()
    analysis = packaged.analyze(AnalysisRequest(notice, target=Target(bpp=0.4)))
    assert analysis.damage.hinted.error_probability is not None
    assert analysis.damage.hinted.error_probability < 0.1
    assert analysis.decision is Decision.ENCODE_WITH_HINTS
    assert _codes(analysis)[-1] is ReasonCode.HINTS_SUFFICE


@pytest.mark.parametrize("bpp", [0.12, 0.2, 0.3, 0.4, 0.6, 1.0])
@pytest.mark.parametrize("name", ["notice.png", "hopper.jpg"])
def test_a_photograph_s_decision_follows_from_its_damage(
    packaged: Engine, name: str, bpp: float
) -> None:
    content = (EXAMPLES / name).read_bytes()
    analysis = packaged.analyze(AnalysisRequest(content, target=Target(bpp=bpp)))
    damage, limit = analysis.damage, 0.1
    assert damage.uniform.error_probability is not None
    assert damage.hinted.error_probability is not None
    fine = damage.uniform.error_probability < limit and not analysis.regions
    assert (analysis.decision is Decision.ENCODE) == fine
    kept = fine or damage.hinted.error_probability < limit
    assert (analysis.decision in (Decision.ENCODE, Decision.ENCODE_WITH_HINTS)) == kept


def test_a_picture_too_small_for_a_region_is_not_at_risk(engine: Engine, encode: Encode) -> None:
    content = encode(np.full((1, 1, 3), 255, np.uint8))
    analysis = _at_risk(engine, content, 1.0, max_error_probability=1e-6)
    assert analysis.decision is Decision.ENCODE
    assert "accepts" not in analysis.reasons[-1].message
    assert analysis.damage.uniform.pixels <= 1.0
