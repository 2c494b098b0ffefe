"""``ENCODE_WITH_HINTS`` is said only where the hints of that very answer make the image safe."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import packaged_profiles
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.hints import HINT_FORMATS
from riskmask.server.engine.values import Analysis, AnalysisRequest, Decision, Policy, Target

SIDE = 256


class Foreseen:
    """A predictor whose answer is given."""

    name, sha256 = "foreseen", "0" * 64

    def __init__(self, prediction: Prediction) -> None:
        self._prediction = prediction

    def predict(self, _: NDArray[np.uint8], *__: object) -> Prediction:
        return self._prediction


def _text_everywhere() -> Prediction:
    """What is text and costs the same all over, without any risk yet."""
    prediction = Prediction.zeros(SIDE, SIDE)
    prediction.rate[:] = 0.05 * 1.6 ** np.arange(8)[:, None, None]
    prediction.content[0] = 0.9
    return prediction


def _asking_about(prediction: Prediction) -> Callable[..., Analysis]:
    """``ask(*formats, **request)`` about the image of a prediction."""
    predictor: Any = Foreseen(prediction)
    engine = Engine(predictor, packaged_profiles())
    buffer = io.BytesIO()
    Image.new("L", (SIDE, SIDE), 128).save(buffer, "PNG")

    def asked(*formats: str, **request: Any) -> Analysis:
        return engine.analyze(AnalysisRequest(buffer.getvalue(), hint_formats=formats, **request))

    return asked


FALLING = 1 / (1 + np.exp(1.8 * (np.arange(8)[:, None, None] - 4.0)))  # safe from level 5.5 on


@pytest.fixture(scope="module")
def ask() -> Callable[..., Analysis]:
    """Asks about an image that has one block at risk in every square of 64x64 pixels."""
    prediction = _text_everywhere()
    for row in range(4, 64, 16):
        for column in range(4, 64, 16):
            prediction.risk[:, row : row + 4, column : column + 4] = FALLING
    return _asking_about(prediction)


@pytest.mark.parametrize(
    "formats", [("kvazaar",), ("nvenc-av1",), ("riskmask-levels", "svt-av1"), ("webp", "kvazaar")]
)
def test_a_map_of_squares_too_large_to_help_is_not_called_enough(
    ask: Callable[..., Analysis], formats: tuple[str, ...]
) -> None:
    target = Target(bpp=0.2)
    blocks = ask("riskmask-levels", target=target)
    assert blocks.decision is Decision.ENCODE_WITH_HINTS
    assert blocks.damage.hinted.error_probability < blocks.policy.max_error_probability
    assert ask(target=target).decision is Decision.ENCODE_WITH_HINTS

    larger = ask(*formats, target=target)
    assert larger.decision in (Decision.RAISE_RATE, Decision.FALLBACK_JPEG)
    alone = ask(*(f for f in formats if HINT_FORMATS[f].square == 64), target=target)
    assert alone.damage.hinted.error_probability >= alone.policy.max_error_probability


@pytest.mark.parametrize("name", ["jpeg", "webp", "jpeg-xl"])
def test_advice_on_one_quality_is_no_hint_that_makes_the_image_safe(
    ask: Callable[..., Analysis], name: str
) -> None:
    target = Target(bpp=0.2)
    advised = ask(name, target=target)
    assert advised.decision in (Decision.RAISE_RATE, Decision.FALLBACK_JPEG)
    [hint] = advised.hints
    assert (hint.columns, hint.rows, hint.block) == (0, 0, 0)
    beside = ask(name, "riskmask-levels", target=target)
    assert beside.decision is Decision.ENCODE_WITH_HINTS
    assert beside.hints[0].data == hint.data


def test_a_format_that_cannot_say_so_much_is_not_called_enough() -> None:
    prediction = _text_everywhere()
    prediction.risk[:, 4:8, 4:8] = FALLING
    ask_about = _asking_about(prediction)
    target = Target(bpp=0.06)  # level 0.4, and jpeg-ai says 3 levels more
    for enough in ("riskmask-levels", "x264", "nvenc-h264", "android-qp-rects"):
        assert ask_about(enough, target=target).decision is Decision.ENCODE_WITH_HINTS, enough
    alone, with_x264 = (
        ask_about(*formats, codec="x264", target=target)
        for formats in (("jpeg-ai",), ("jpeg-ai", "kvazaar", "x264"))
    )
    assert Decision.ENCODE_WITH_HINTS not in (alone.decision, with_x264.decision)
    # Told of what the hint says, and of the codec's own where that was asked for.
    assert alone.damage.hinted.error_probability > 0.4
    assert with_x264.damage.hinted.error_probability < 0.05


@pytest.mark.parametrize("name", sorted(n for n, f in HINT_FORMATS.items() if f.square))
def test_what_is_safe_as_asked_stays_safe_by_every_hint(name: str) -> None:
    """Lowering one square for the sake of another put what was just under the limit at risk."""
    prediction, levels = _text_everywhere(), np.arange(8)
    calibration = packaged_profiles()["hyperprior"].error_calibration
    assert calibration is not None
    limit = calibration.peak_of(Policy().max_error_probability)
    # At level 3 all of it is just under the limit; half of it falls faster, for more bits.
    for half, slope in ((np.s_[:32], 1.0), (np.s_[32:], 0.3)):
        odds = 0.97 * limit / (1 - 0.97 * limit) * np.exp(-slope * (levels - 3.0))
        prediction.risk[:, :, half] = (odds / (1 + odds))[:, None, None]
    analysis = _asking_about(prediction)(name, target=Target(quality=3.0))
    assert analysis.decision is Decision.ENCODE
    hinted = analysis.damage.hinted.error_probability
    assert hinted is not None
    assert hinted < analysis.policy.max_error_probability
