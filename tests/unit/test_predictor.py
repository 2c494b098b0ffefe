"""The predictor answers for the whole image what the network answers for its pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.runtime.contract import OUTPUTS, Maps
from riskmask.model.runtime.detector_session import DetectorSession
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.tile_batches import Batching
from riskmask.model.runtime.tiles import Span, TileShape

Pixels = NDArray[np.uint8]
RED_DECAY = (1.0, 0.9, 0.75, 0.6, 0.45, 0.25, 0.1, 0.0)


def _red_risk(image: Pixels) -> NDArray[np.float64]:
    """What the tiny detector answers on red over grey, computed here: (8, h, w)."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge") / 255.0
    excess = np.maximum(padded[..., 0] - padded[..., 1:].max(axis=2), 0.0)
    cells = excess.reshape(padded.shape[0] // 4, 4, padded.shape[1] // 4, 4).mean(axis=(1, 3))
    return cells * np.reshape(RED_DECAY, (8, 1, 1))


def _reddish(width: int, height: int) -> Pixels:
    image = np.full((height, width, 3), 60, np.uint8)
    image[..., 0] = np.random.default_rng(width * height).integers(60, 256, (height, width))
    return image


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(width=st.integers(1, 700), height=st.integers(1, 700))
def test_maps_have_the_image_s_shape_and_values(
    predictor: Predictor, width: int, height: int
) -> None:
    image = _reddish(width, height)
    maps = predictor.predict(image)
    cells = (-(-height // 4), -(-width // 4))
    blocks = (-(-height // 16), -(-width // 16))
    assert (maps.width, maps.height) == (width, height)
    assert maps.risk.shape == (8, *cells)
    assert maps.rate.shape == (8, *blocks)
    assert maps.content.shape == maps.kind.shape == (3, *cells)
    assert maps.high_impact.shape == cells
    assert (maps.risk.dtype, maps.rate.dtype) == (np.float16, np.float32)
    np.testing.assert_allclose(maps.risk, _red_risk(image), atol=1e-3)


@pytest.mark.parametrize(("width", "height"), [(2300, 1600), (2300, 40), (33, 1700)])
def test_tiles_do_not_show(predictor: Predictor, width: int, height: int) -> None:
    image = _reddish(width, height)
    maps = predictor.predict(image)
    np.testing.assert_allclose(maps.risk, _red_risk(image), atol=1e-3)
    flat = predictor.predict(np.full_like(image, 90))
    np.testing.assert_allclose(flat.rate / flat.rate[:, :1, :1], 1.0, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(width=st.integers(1, 2300), height=st.integers(1, 300))
def test_finer_levels_never_mean_more_risk_or_less_rate(
    predictor: Predictor, width: int, height: int
) -> None:
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3)).astype(np.uint8)
    maps = predictor.predict(image)
    assert (np.diff(maps.risk, axis=0) <= 0).all()
    assert (np.diff(maps.rate, axis=0) >= 0).all()


def test_threads_share_one_predictor(predictor: Predictor) -> None:
    images = [_reddish(200 + index, 100) for index in range(8)]
    alone = [predictor.predict(image).risk for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = [maps.risk for maps in pool.map(predictor.predict, images)]
    for left, right in zip(alone, together, strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_same_image_gets_the_same_bits(predictor: Predictor) -> None:
    image = _reddish(1800, 300)
    first, second = predictor.predict(image), predictor.predict(image)
    assert first.risk.tobytes() == second.risk.tobytes()
    assert first.rate.tobytes() == second.rate.tobytes()


def test_the_file_is_known_by_name_and_hash(predictor: Predictor, detector_path: Path) -> None:
    assert predictor.name == "tiny"
    assert predictor.sha256 == hashlib.sha256(detector_path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("width", "height", "released"),
    [
        (700, 700, [False]),
        (1536, 400, [True]),
        (1800, 1000, [False, True]),
        (1800, 20, [False] * 2),
    ],
)
def test_the_last_of_an_image_s_large_tiles_gives_the_memory_back(
    width: int,
    height: int,
    released: list[bool],
    detector_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []
    run = DetectorSession.run

    def watched(session: DetectorSession, tiles: Pixels, release: bool) -> Maps:
        seen.append(release)
        return run(session, tiles, release)

    predictor = Predictor(detector_path, threads=1)
    monkeypatch.setattr(DetectorSession, "run", watched)
    predictor.predict(np.zeros((height, width, 3), np.uint8))
    assert seen == released
    batched = Predictor(detector_path, threads=1, batching=Batching(2))
    seen.clear()
    batched.predict(np.zeros((height, width, 3), np.uint8))
    assert seen == [any(released)]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_anything_but_rgb_bytes_is_refused(predictor: Predictor, image: Pixels) -> None:
    with pytest.raises(ValueError, match="uint8"):
        predictor.predict(image)


def test_threads_can_be_chosen(detector_variant: Callable[..., Path]) -> None:
    path = detector_variant()
    assert Predictor(path, threads=2).threads == 2
    assert Predictor(path).threads >= 1
    with pytest.raises(ValueError, match="threads"):
        Predictor(path, threads=0)


def test_probabilities_stay_within_1_where_four_tiles_of_ones_meet(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ones(
        image: Pixels, shape: TileShape, places: list[tuple[Span, Span]], *_: object
    ) -> Iterator[tuple[tuple[Span, Span], dict[str, NDArray[np.float32]]]]:
        for top, left in places:
            yield (
                (top, left),
                {
                    name: np.ones(
                        (1, channels, top.length // stride, left.length // stride), np.float32
                    )
                    for name, (channels, stride) in OUTPUTS.items()
                },
            )

    monkeypatch.setattr(predictor, "_answers", ones)
    maps = predictor.predict(np.zeros((2300, 2300, 3), np.uint8))
    for plane in (maps.risk, maps.content, maps.high_impact, maps.kind):
        assert plane.max() == 1
        assert plane.min() > 0.99
