"""A bench of real encoders and real witnesses over the tiny detector, and a picture with words.

To the tiny detector red is text at risk, so the words stand on red.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

with warnings.catch_warnings():
    # What these libraries deprecate while they are imported is theirs to mend.
    warnings.simplefilter("ignore", DeprecationWarning)
    import riskmask.server.closed_loop.loop
    import riskmask.server.decision_bench.bench  # noqa: F401

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.recogniser import Recogniser
from riskmask.model.data.items import Picture
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile, packaged_profiles
from riskmask.server.closed_loop.coding import Coder
from riskmask.server.closed_loop.maps import scorers, uncalibrated
from riskmask.server.closed_loop.pictures import Specimen, specimen
from riskmask.server.closed_loop.run import Bench
from riskmask.server.closed_loop.witnesses import Witnesses
from riskmask.server.closed_loop.words import Tesseract
from riskmask.server.engine.values import Policy

Pixels = NDArray[np.uint8]

FONT = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
RED, WHITE = (255, 0, 0), (255, 255, 255)
LINES = (("SPEED 60", 20, 20, 15), ("Harbour road", 24, 90, 12), ("closed today", 60, 150, 10))


def draw_words(side: int = 192) -> Picture:
    """Words on red plates, on coarse grey noise, which costs bits and means nothing."""
    noise = np.random.default_rng(1).integers(70, 190, (side // 4, side // 4, 1), np.uint8)
    ground = noise.repeat(3, axis=2).repeat(4, axis=0).repeat(4, axis=1)
    canvas = Image.fromarray(ground)
    pen = ImageDraw.Draw(canvas)
    regions = []
    for text, x, y, height in LINES:
        font = ImageFont.truetype(str(FONT), height)
        left, top, right, bottom = pen.textbbox((x, y), text, font=font)
        pen.rectangle((left - 5, top - 5, right + 5, bottom + 5), fill=RED)
        pen.text((x, y), text, font=font, fill=WHITE)
        polygon = ((left, top), (right, top), (right, bottom), (left, bottom))
        regions.append(KnownRegion("text", polygon, transcription=text))
    return Picture(np.array(canvas), tuple(regions), (), frozenset(), "tests", "permissive")


@pytest.fixture(scope="session")
def sign() -> Specimen:
    """(192, 192, 3) with three lines of two words each."""
    return specimen("sign", draw_words())


@pytest.fixture(scope="session")
def tesseract() -> Tesseract:
    if shutil.which("tesseract") is None:
        pytest.skip("the program tesseract is not installed (Debian: tesseract-ocr)")
    return Tesseract()


@pytest.fixture(scope="session")
def recogniser() -> Recogniser:
    return Recogniser()


@pytest.fixture(scope="session")
def make_bench(
    tesseract: Tesseract, predictor: Predictor, profiles: dict[str, CodecProfile]
) -> Callable[..., Bench]:
    """A bench for some targets: ``make_bench("jpeg")``."""

    def make(*targets: str) -> Bench:
        return Bench(
            predictor=predictor,
            # Hints are asked for at the real encoder's quality, so its real levels count; the risks
            # are the tiny detector's.
            profiles={**profiles, "jpeg": uncalibrated(packaged_profiles()["jpeg"])},
            policy=Policy(),
            scores=scorers(None),
            witnesses=Witnesses(GlyphBank([]), None),
            coders={target: Coder(target) for target in targets},
        )

    return make
