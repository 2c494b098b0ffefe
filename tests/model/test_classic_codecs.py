"""Classic codecs code at a quality and at a level; one of ten files is a neural one's partner."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageFile

from riskmask.model.codecs import CLASSIC, classic_codec
from riskmask.model.codecs.base import BitstreamError
from riskmask.model.codecs.pillow_formats import read, write
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profiles import packaged_profiles

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def picture(astronaut: Pixels) -> Pixels:
    return astronaut[:113, 150:251]  # odd sides, which 4:2:0 knows nothing of


@pytest.mark.parametrize("name", CLASSIC)
def test_a_finer_rung_is_larger_and_looks_better(name: str, picture: Pixels) -> None:
    ladder = classic_codec(name).climb(picture)
    sizes = [rung.size for rung in ladder.rungs]
    decoded = [ladder.reconstruct(rung) for rung in (ladder.rungs[0], ladder.rungs[-1])]
    errors = [np.abs(pixels.astype(int) - picture).mean() for pixels in decoded]
    assert len(sizes) == 10
    assert sizes == sorted(set(sizes))
    assert decoded[0].shape == picture.shape
    assert decoded[0].dtype == np.uint8
    assert errors[1] < 3 < errors[0]


@pytest.mark.parametrize("name", CLASSIC)
def test_the_partner_is_the_largest_file_that_is_not_above_the_size(
    name: str, picture: Pixels
) -> None:
    ladder = classic_codec(name).climb(picture)
    for below, rung in zip((None, *ladder.rungs), ladder.rungs, strict=False):
        assert ladder.partner(rung.size) == rung
        assert ladder.partner(rung.size - 1) == below
    assert ladder.partner(10**9) == ladder.rungs[-1]


@pytest.mark.parametrize(("quality", "subsampling"), [(82, "4:4:4"), (95, "4:4:4"), (93, "4:2:0")])
def test_noise_may_need_more_bytes_than_pillow_makes_room_for(
    quality: int, subsampling: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (640, 640, 3), np.uint8) * np.uint8(255)
    before = ImageFile.MAXBLOCK
    stream = write(noise, "JPEG", quality=quality, optimize=True, subsampling=subsampling)
    assert len(stream) > 640 * 640
    assert read(stream, "JPEG").shape == noise.shape
    assert before == ImageFile.MAXBLOCK


@pytest.mark.parametrize("name", CLASSIC)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 40), (64, 33)])
def test_small_and_odd_pictures_keep_their_size(
    name: str, astronaut: Pixels, height: int, width: int
) -> None:
    coder = classic_codec(name).coder
    piece = astronaut[100 : 100 + height, 200 : 200 + width]
    decoded = coder.decode(coder.encode(piece, coder.ladder[-1]))
    assert decoded.shape == piece.shape
    assert np.abs(decoded.astype(int) - piece).mean() < 12


@pytest.mark.parametrize("name", CLASSIC)
def test_what_is_not_of_the_codec_is_refused(name: str, picture: Pixels) -> None:
    coder = classic_codec(name).coder
    other = classic_codec("webp" if name == "jpeg" else "jpeg").coder
    whole = coder.encode(picture, coder.ladder[4])
    for foreign in (b"", b"no picture at all", whole[:40], other.encode(picture, 50)):
        with pytest.raises(BitstreamError):
            coder.decode(foreign)


def test_a_level_becomes_the_quality_of_the_profile(picture: Pixels) -> None:
    jpeg = classic_codec("jpeg")
    profile = packaged_profiles()["jpeg"]
    assert jpeg.quality(4) == round(profile.quality_of_level(4))
    stream = jpeg.compress(picture, 4)
    assert stream == jpeg.coder.encode(picture, jpeg.quality(4))
    coded = jpeg.reconstruct(picture, 4)
    np.testing.assert_array_equal(coded.image, jpeg.decompress(stream))
    assert coded.bpp == 8 * len(stream) / (113 * 101)
    assert coded.rate_map is None


def test_levels_that_it_cannot_code_at_are_refused(picture: Pixels) -> None:
    jpeg = classic_codec("jpeg")
    with pytest.raises(ValueError, match=r"\[0, 7\]"):
        jpeg.compress(picture, 7.5)
    with pytest.raises(ValueError, match="not a level map"):
        jpeg.compress(picture, np.zeros((8, 7), np.float32))


@pytest.mark.parametrize("name", CLASSIC)
def test_without_a_profile_it_says_how_to_fit_one(name: str, picture: Pixels) -> None:
    if name in packaged_profiles():
        assert classic_codec(name).compress(picture, 3)
        return
    with pytest.raises(ProfileError, match=f"classic-profile --codec {name}"):
        classic_codec(name).compress(picture, 3)
