"""A classic codec's fitted profile is one that the service loads, and says what was measured."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.codecs.jpeg import JpegCoder
from riskmask.model.codecs.video import VideoCoder
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.model.train.classic_profile import coded_bpp, fit_profile

Pixels = NDArray[np.uint8]
pytestmark = pytest.mark.slow
JPEG = JpegCoder()


@pytest.fixture(scope="module")
def photographs(astronaut: Pixels) -> list[Pixels]:
    return [astronaut[:160, 160:320], astronaut[300:460, 40:200]]


@pytest.fixture(scope="module")
def fitted(
    codec: Hyperprior, photographs: list[Pixels], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("profile") / "jpeg.json"
    fit_profile(codec, JPEG, photographs, path)
    return path


def test_the_service_loads_it(fitted: Path) -> None:
    profile = CodecProfile.load(fitted)
    assert profile.name == "jpeg"
    assert profile.quality_integer
    assert (profile.quality_minimum, profile.quality_maximum) == (1, 95)
    assert 0 <= profile.coarsest_level < profile.finest_level <= 7
    assert len(profile.anchors) >= 5
    assert "2 training photographs" in profile.fitted_on


def test_a_quality_s_level_has_the_same_mean_log_rate(
    fitted: Path, codec: Hyperprior, photographs: list[Pixels]
) -> None:
    profile = CodecProfile.load(fitted)
    for level, quality in profile.anchors[1:-1:4]:
        jpeg = np.mean([np.log(coded_bpp(JPEG, photo, round(quality))) for photo in photographs])
        neighbours = [int(level), int(level) + 1]
        own = [
            np.mean([np.log(codec.rate_map(photo, anchor).mean()) for photo in photographs])
            for anchor in neighbours
        ]
        assert np.interp(level, neighbours, own) == pytest.approx(jpeg, abs=2e-3)


def test_only_measured_qualities_and_the_end_of_the_scale_are_named(fitted: Path) -> None:
    pairs = json.loads(fitted.read_text(encoding="utf-8"))["quality_of_level"]
    assert {quality for level, quality in pairs if level < 7} <= set(JPEG.fine_ladder)


def test_the_rate_of_jpeg_is_that_of_the_file(photographs: list[Pixels]) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photographs[0]).save(buffer, "JPEG", quality=50, optimize=True, subsampling=2)
    assert coded_bpp(JPEG, photographs[0], 50) == len(buffer.getvalue()) * 8 / 160**2
    rates = [coded_bpp(JPEG, photographs[0], quality) for quality in JPEG.fine_ladder]
    assert rates == sorted(rates)


class _Ladder(JpegCoder):
    """JPEG that is asked for some qualities alone."""

    def __init__(self, *qualities: int) -> None:
        self._qualities = qualities

    @property
    def fine_ladder(self) -> tuple[int, ...]:  # type: ignore[override]
        return self._qualities


@pytest.mark.parametrize("qualities", [(30,), (30, 30), (40, 30)])
def test_a_fit_that_no_profile_can_say_leaves_the_one_that_was_there(
    fitted: Path,
    codec: Hyperprior,
    photographs: list[Pixels],
    tmp_path: Path,
    qualities: tuple[int, ...],
) -> None:
    path = tmp_path / "jpeg.json"
    shutil.copy(fitted, path)
    with pytest.raises(ProfileError, match=r"two are needed|must increase strictly"):
        fit_profile(codec, _Ladder(*qualities), photographs[:1], path)
    assert path.read_bytes() == fitted.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["jpeg.json"]


def test_a_codec_whose_quality_falls_as_it_gets_finer_fits_too(
    codec: Hyperprior, photographs: list[Pixels], tmp_path: Path
) -> None:
    path = tmp_path / "x265.json"
    fit_profile(codec, VideoCoder("x265"), photographs[:1], path)
    profile = CodecProfile.load(path)
    assert (profile.quality_minimum, profile.quality_maximum) == (1, 51)
    assert profile.quality_of_level(1) > profile.quality_of_level(6)
