"""One image goes all the way, and the answer fits together."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.decode import Limits
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.errors import (
    EngineError,
    ImageTooLargeError,
    InvalidPolicyError,
    InvalidTargetError,
    UnknownCodecError,
    UnknownHintFormatError,
)
from riskmask.server.engine.hint_formats.canonical import OCTAVES_PER_LEVEL
from riskmask.server.engine.hint_formats.qp import QP_PER_OCTAVE
from riskmask.server.engine.hints import HINT_FORMATS
from riskmask.server.engine.squares import highest_of
from riskmask.server.engine.values import Analysis, AnalysisRequest, Mask, Policy, Target

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
Paint = Callable[..., NDArray[np.uint8]]
Encode = Callable[..., bytes]


@pytest.fixture
def content(paint: Paint, encode: Encode) -> bytes:
    """A red and a blue block on grey, 250x190."""
    return encode(paint(250, 190, {(32, 32, 64, 32): RED, (160, 96, 48, 48): BLUE}))


def test_an_image_alone_is_a_useful_question(engine: Engine, content: bytes) -> None:
    analysis = engine.analyze(AnalysisRequest(content))
    assert analysis.target.codec == "hyperprior"
    assert analysis.target.bpp == 0.25
    assert analysis.model.name == "tiny"
    assert len(analysis.model.sha256) == 64
    assert (analysis.image.width, analysis.image.height) == (250, 190)
    assert analysis.hints == analysis.masks == ()


def test_regions_say_what_is_there(engine: Engine, content: bytes) -> None:
    analysis = engine.analyze(AnalysisRequest(content, target=Target(quality=2.0)))
    regions = {region.box: region for region in analysis.regions}
    red, blue = regions[(32, 32, 64, 32)], regions[(160, 96, 48, 48)]
    assert (red.content.text, blue.content.symbol) == (1.0, 1.0)
    assert red.risk == pytest.approx(0.75, abs=1e-3)
    assert red.kind.shape == red.high_impact == 1.0
    assert red.safe_level is not None
    assert blue.safe_level is None
    area = 64 * 32 + 48 * 48
    assert analysis.risk_area_fraction == pytest.approx(area / (250 * 190))


def test_risk_fades_as_the_rate_grows(engine: Engine, paint: Paint, encode: Encode) -> None:
    content = encode(paint(250, 190, {(32, 32, 64, 32): RED}))
    totals = [
        engine.analyze(AnalysisRequest(content, target=Target(bpp=bpp))).risk.sum()
        for bpp in (0.02, 0.05, 0.1, 0.2)
    ]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[-1]


def test_masks_are_the_maps_as_grey_png(engine: Engine, content: bytes) -> None:
    analysis = engine.analyze(
        AnalysisRequest(content, masks=tuple(Mask), target=Target(quality=2.0))
    )
    pictures = {
        payload.mask: np.asarray(Image.open(io.BytesIO(payload.png))) for payload in analysis.masks
    }
    assert set(pictures) == set(Mask)
    assert all(payload.stride == 4 for payload in analysis.masks)
    assert {picture.shape for picture in pictures.values()} == {(48, 63)}
    np.testing.assert_array_equal(pictures[Mask.RISK], np.rint(analysis.risk * np.float32(255)))
    assert pictures[Mask.TEXT][8, 8] == pictures[Mask.SYMBOL][24, 40] == 255
    assert pictures[Mask.SYMBOL][8, 8] == pictures[Mask.FACE].max() == 0


def test_hints_cover_the_image_in_blocks_of_16(engine: Engine, content: bytes) -> None:
    request = AnalysisRequest(content, hint_formats=("neural-quality", "riskmask-levels"))
    analysis = engine.analyze(request)
    assert [hint.format for hint in analysis.hints] == ["neural-quality", "riskmask-levels"]
    assert {(hint.columns, hint.rows, hint.block) for hint in analysis.hints} == {(16, 12, 16)}


def test_a_map_of_larger_cells_is_made_for_them_and_not_by_rounding(
    engine: Engine, content: bytes
) -> None:
    def deltas(*formats: str) -> NDArray[np.int8]:
        request = AnalysisRequest(content, hint_formats=formats, target=Target(quality=2.0))
        [hint] = [h for h in engine.analyze(request).hints if h.format == "kvazaar"]
        assert (hint.columns, hint.rows, hint.block) == (4, 3, 64)
        return np.frombuffer(hint.data[8:], np.int8).reshape(hint.rows, hint.columns)

    def finest_of_blocks() -> NDArray[np.float64]:
        request = AnalysisRequest(
            content, hint_formats=("riskmask-levels",), target=Target(quality=2.0)
        )
        [hint] = engine.analyze(request).hints
        levels = np.frombuffer(hint.data, np.float32).reshape(hint.rows, hint.columns)
        return highest_of(levels, 64).astype(np.float64)

    alone = deltas("kvazaar")
    np.testing.assert_array_equal(deltas("riskmask-levels", "kvazaar"), alone)
    # The red area lies in the upper left cell; the finest of its blocks is finer than all of it.
    assert alone[0, 0] < 0 < alone[0, 3]
    at_risk = finest_of_blocks()[0, 0]
    assert alone[0, 0] > round(QP_PER_OCTAVE * OCTAVES_PER_LEVEL * (at_risk - 2.0))


def test_the_jpeg_profile_can_be_asked_about_too(engine: Engine, content: bytes) -> None:
    analysis = engine.analyze(AnalysisRequest(content, codec="jpeg", target=Target(quality=50)))
    assert (analysis.target.codec, analysis.target.level) == ("jpeg", 4.0)


def _same(left: Analysis, right: Analysis) -> bool:
    empty = np.zeros(0, np.float32)
    return left.risk.tobytes() == right.risk.tobytes() and replace(left, risk=empty).__dict__ | {
        "risk": None
    } == replace(right, risk=empty).__dict__ | {"risk": None}


def test_many_threads_get_the_same_answer(engine: Engine, content: bytes) -> None:
    request = AnalysisRequest(content, masks=(Mask.RISK,), hint_formats=("riskmask-levels",))
    first = engine.analyze(request)
    with ThreadPoolExecutor(4) as pool:
        assert all(_same(first, answer) for answer in pool.map(engine.analyze, [request] * 12))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20_000), (3000, 5)])
def test_extreme_shapes_are_answered(
    width: int, height: int, engine: Engine, encode: Encode
) -> None:
    pixels = np.full((height, width, 3), RED, np.uint8)
    analysis = engine.analyze(
        AnalysisRequest(encode(pixels), masks=(Mask.RISK,), hint_formats=tuple(HINT_FORMATS))
    )
    assert analysis.risk.shape == (-(-height // 4), -(-width // 4))
    assert analysis.jpeg.estimated_bytes > 0
    for name, hint in zip(HINT_FORMATS, analysis.hints, strict=True):
        assert hint.format == name
        if hint.block:
            assert (hint.columns, hint.rows) == (-(-width // hint.block), -(-height // hint.block))


BAD_REQUESTS = [
    ({"codec": "h266"}, UnknownCodecError, "use one of hyperprior, jpeg"),
    ({"target": Target()}, InvalidTargetError, "exactly one"),
    ({"target": Target(bpp=float("nan"))}, InvalidTargetError, "finite"),
    ({"hint_formats": ("x264-qp",)}, UnknownHintFormatError, "riskmask-levels"),
    ({"policy": Policy(threshold=0.0)}, InvalidPolicyError, r"threshold must lie in \(0, 1\)"),
    ({"policy": Policy(threshold=1.0)}, InvalidPolicyError, "threshold"),
    ({"policy": Policy(threshold=float("nan"))}, InvalidPolicyError, "threshold"),
    ({"policy": Policy(text_weight=1.1)}, InvalidPolicyError, "text_weight"),
    ({"policy": Policy(face_weight=-0.1)}, InvalidPolicyError, "face_weight"),
    ({"policy": Policy(symbol_weight=float("inf"))}, InvalidPolicyError, "symbol_weight"),
    ({"policy": Policy(other_weight=float("nan"))}, InvalidPolicyError, "other_weight"),
    ({"policy": Policy(smallest_region=-1)}, InvalidPolicyError, "smallest_region"),
    ({"image": b""}, EngineError, "no bytes"),
    ({"image": b"GIF89a"}, EngineError, "cut off"),
]


@pytest.mark.parametrize(("change", "error", "sentence"), BAD_REQUESTS)
def test_a_bad_request_is_refused_and_the_next_one_works(
    change: dict[str, object],
    error: type[EngineError],
    sentence: str,
    engine: Engine,
    content: bytes,
) -> None:
    request = AnalysisRequest(content)
    with pytest.raises(error, match=sentence):
        engine.analyze(replace(request, **change))  # type: ignore[arg-type]
    assert engine.analyze(request).image.width == 250


def test_the_engine_keeps_its_limits(
    predictor: Predictor, profiles: dict[str, CodecProfile], content: bytes
) -> None:
    small = Engine(predictor, profiles, Limits(max_pixels=1000))
    with pytest.raises(ImageTooLargeError, match="47500 pixels"):
        small.analyze(AnalysisRequest(content))


def test_the_default_engine_takes_another_model_and_more_profiles(
    detector_path: Path, jpeg_profile_content: dict[str, Any], tmp_path: Path, content: bytes
) -> None:
    for name in ("jpeg", "mine"):
        profile = jpeg_profile_content | {"name": name}
        (tmp_path / f"{name}.json").write_text(json.dumps(profile), encoding="utf-8")
    engine = Engine.default(threads=1, model=detector_path, profiles=tmp_path)
    assert {"hyperprior", "jpeg", "mine"} <= set(engine.profiles)
    analysis = engine.analyze(AnalysisRequest(content, codec="mine"))
    assert analysis.target.codec == "mine"


def test_without_a_jpeg_profile_there_is_no_engine(
    predictor: Predictor, profiles: dict[str, CodecProfile]
) -> None:
    with pytest.raises(ProfileError, match="no jpeg profile"):
        Engine(predictor, {"hyperprior": profiles["hyperprior"]})


def test_every_error_has_a_reason_of_its_own() -> None:
    def tree(error: type[EngineError]) -> list[type[EngineError]]:
        return [error, *(below for child in error.__subclasses__() for below in tree(child))]

    reasons = [error.reason for error in tree(EngineError)]
    assert len(reasons) == len(set(reasons)) == 17
    assert all(reason == reason.upper() for reason in reasons)
