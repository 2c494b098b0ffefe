"""Estimated rates are the sizes of real streams; levels and level maps move bits as they should."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.codecs import classic_codec, packaged_hyperprior
from riskmask.model.codecs.classic import ClassicCodec
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.codecs.level_curve import LevelCurve
from riskmask.model.runtime.errors import ProfileError

Pixels = NDArray[np.uint8]
EXAMPLES = Path(__file__).parents[2] / "examples"


def _error(picture: Pixels, other: Pixels) -> float:
    return float(np.square(picture.astype(np.float32) - other).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "level"),
    [(name, level) for name in ("astronaut.jpg", "hopper.jpg") for level in (0, 2, 4.5, 7)],
)
def test_the_size_on_disk_is_the_estimate(codec: Hyperprior, name: str, level: float) -> None:
    with Image.open(EXAMPLES / name) as opened:
        picture = np.array(opened.convert("RGB"))
    pixels = picture.shape[0] * picture.shape[1]
    real = 8 * len(codec.compress(picture, level)) / pixels
    assert codec.reconstruct(picture, level).bpp == pytest.approx(real, rel=0.03)


@pytest.mark.slow
def test_a_finer_level_costs_more_and_looks_better(codec: Hyperprior, astronaut: Pixels) -> None:
    picture = astronaut[:128, 160:288]
    coded = [codec.reconstruct(picture, level) for level in range(8)]
    rates = [c.bpp for c in coded]
    errors = [_error(picture, c.image) for c in coded]
    assert rates == sorted(rates)
    assert errors == sorted(errors, reverse=True)
    assert rates[7] > 5 * rates[0]


def test_the_rate_map_is_the_density_of_the_rate(codec: Hyperprior, astronaut: Pixels) -> None:
    picture = astronaut[:128, :192]  # whole blocks, so nothing is padded
    coded = codec.reconstruct(picture, 4)
    assert coded.rate_map is not None
    assert coded.rate_map.shape == (8, 12)
    assert coded.rate_map.mean() == pytest.approx(coded.bpp, rel=1e-5)
    np.testing.assert_array_equal(codec.rate_map(picture, 4), coded.rate_map)


def test_a_rate_map_covers_a_picture_of_odd_size(codec: Hyperprior) -> None:
    coded = codec.reconstruct(np.full((33, 50, 3), 90, np.uint8), 3)
    assert coded.rate_map is not None
    assert coded.rate_map.shape == (3, 4)
    assert (coded.rate_map >= 0).all()


def test_a_level_map_moves_bits_and_quality_in_space(codec: Hyperprior, astronaut: Pixels) -> None:
    picture = astronaut[:256, 100:356]
    left, right = np.s_[:, :128], np.s_[:, 128:]
    levels = np.full((16, 16), 1.0, np.float32)
    levels[:, :8] = 6.0
    mapped, coarse = codec.reconstruct(picture, levels), codec.reconstruct(picture, 1.0)
    assert mapped.rate_map is not None
    assert coarse.rate_map is not None
    assert mapped.rate_map[:, :8].mean() > 3 * coarse.rate_map[:, :8].mean()
    assert mapped.rate_map[:, 8:].mean() < 1.2 * coarse.rate_map[:, 8:].mean()
    assert _error(picture[left], mapped.image[left]) < 0.5 * _error(
        picture[left], coarse.image[left]
    )
    assert _error(picture[right], mapped.image[right]) < 1.1 * _error(
        picture[right], coarse.image[right]
    )


@pytest.mark.parametrize("size", [(128, 192), (33, 50)])
def test_the_rate_alone_is_that_of_the_reconstruction(
    codec: Hyperprior, astronaut: Pixels, size: tuple[int, int]
) -> None:
    picture = astronaut[: size[0], : size[1]]
    for each in (codec, classic_codec("jpeg")):
        assert each.bpp(picture, 2) == each.reconstruct(picture, 2).bpp


def test_a_codec_with_another_level_curve_is_another_one(codec: Hyperprior) -> None:
    assert codec.identity == codec.weights_hash
    curve = LevelCurve((400.0, 300.0, 200.0, 100.0, 70.0, 50.0, 30.0, 16.0))
    other = Hyperprior.load(packaged_hyperprior(), curve)
    assert len(other.identity) == 64
    assert other.identity != codec.identity
    assert classic_codec("jpeg").identity == classic_codec("jpeg").identity
    with pytest.raises(ProfileError):
        ClassicCodec(_Unfitted()).identity  # noqa: B018


@dataclass
class _Unfitted:
    """A coder of which no profile can be packaged."""

    name: str = "unfitted"
    description: str = "of nobody"
    meaning: str = "nothing"
    best: int = 1
    worst: int = 0
    ladder: tuple[int, ...] = (0, 1)
    fine_ladder: tuple[int, ...] = (0, 1)

    def encode(self, image: Pixels, quality: int) -> bytes:
        return image.tobytes()

    def decode(self, stream: bytes) -> Pixels:
        return np.frombuffer(stream, np.uint8)
