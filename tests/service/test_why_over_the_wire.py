"""A real server says why regions are flagged, by what its codec profiles know."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from riskmask.client import Client, ContentType, SafeTextHeight
from riskmask.model.runtime.profiles import packaged_profiles


@pytest.fixture
def notice(encode: Callable[..., bytes]) -> tuple[bytes, int]:
    """Dark red letters on red, text at risk to the tiny detector; and the height of their ink."""
    font = ImageFont.load_default(24)
    left, top, right, bottom = font.getbbox("Gate closes 13:38")
    canvas = Image.new("RGB", (round(right - left) + 32, 64), (255, 0, 0))
    ImageDraw.Draw(canvas).text((16, 16), "Gate closes 13:38", (150, 0, 0), font)
    return encode(np.array(canvas), "PNG"), round(bottom - top)


def test_the_height_of_text_comes_with_the_region(server: Any, notice: tuple[bytes, int]) -> None:
    with Client(server.addresses[0]) as client:
        analysis = client.analyze(notice[0], codec="jpeg", quality=5.0)  # its profile knows none
    [region] = analysis.regions
    assert region.explanation is not None
    assert region.explanation.content is ContentType.TEXT
    assert region.explanation.text_height == pytest.approx(notice[1], rel=0.3)
    assert region.explanation.safe_text_height is None
    assert "keeps" not in analysis.why(region)


def test_a_profile_with_safe_heights_is_told_at_the_level_analysed(
    start_server: Any, profiles_folder: Path, notice: tuple[bytes, int], tmp_path: Path
) -> None:
    profile = json.loads((profiles_folder / "jpeg.json").read_text())
    pixels = [None, 50, 44, 40, 30, 20, 14, 10]
    field = {"schema": 1, "changed_share": 0.3, "pixels": pixels, "fitted_on": "a test"}
    (tmp_path / "jpeg.json").write_text(json.dumps(profile | {"safe_text_height": field}))
    with (
        # the later of two options counts
        start_server("--address", "127.0.0.1:0", "--profiles", str(tmp_path)) as running,
        Client(running.addresses[0]) as client,
    ):
        analysis = client.analyze(notice[0], codec="jpeg", quality=20.0)
        reference = client.analyze(notice[0], bpp=0.03)
    # the quality lies a third of the way from level 1 to level 4
    assert analysis.target.level == pytest.approx(2.0)
    [region] = analysis.regions
    assert region.explanation is not None
    assert region.explanation.safe_text_height == SafeTextHeight(pytest.approx(44.0), 0.3)
    assert "; jpeg keeps most text from 44 px on at this rate; " in analysis.why(region)
    assert reference.regions[0].explanation is not None
    known = packaged_profiles()["hyperprior"].safe_text_height
    assert known is not None
    told = reference.regions[0].explanation.safe_text_height
    assert told == SafeTextHeight(pytest.approx(known.at(reference.target.level)), 0.3)
