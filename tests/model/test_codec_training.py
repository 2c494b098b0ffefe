"""Training a codec: it learns, survives a kill, and refuses to mix two runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.codecs.hyperprior import Hyperprior, save_weights
from riskmask.model.codecs.network import HyperpriorNetwork
from riskmask.model.train.codec import CodecTraining, train_codec
from riskmask.model.train.patches import cut_patches, thin
from riskmask.model.train.run import cosine_rate

Pixels = NDArray[np.uint8]
SETTINGS = CodecTraining(steps=4, batch=2, crop=64, device="cpu")
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def patches(astronaut: Pixels) -> Pixels:
    return np.stack([astronaut[y : y + 64, x : x + 64] for y in (0, 128) for x in (64, 192, 256)])


@pytest.fixture(scope="module")
def uninterrupted(patches: Pixels, tmp_path_factory: pytest.TempPathFactory) -> HyperpriorNetwork:
    network = train_codec(patches, tmp_path_factory.mktemp("whole"), SETTINGS)
    assert isinstance(network, HyperpriorNetwork)
    return network


def _assert_same(one: torch.nn.Module, other: torch.nn.Module) -> None:
    state = other.state_dict()
    for name, value in one.state_dict().items():
        assert torch.equal(value, state[name]), name


@slow
def test_a_run_with_more_steps_continues_one_with_fewer(
    patches: Pixels, tmp_path: Path, uninterrupted: HyperpriorNetwork
) -> None:
    train_codec(patches, tmp_path, replace(SETTINGS, steps=2))
    torch.manual_seed(77)  # whatever the process did in between
    resumed = train_codec(patches, tmp_path, SETTINGS)
    _assert_same(resumed, uninterrupted)


@slow
def test_a_run_with_other_settings_is_not_continued(patches: Pixels, tmp_path: Path) -> None:
    train_codec(patches, tmp_path, replace(SETTINGS, steps=1))
    with pytest.raises(ValueError, match="a run with other settings"):
        train_codec(patches, tmp_path, replace(SETTINGS, batch=3))
    with pytest.raises(ValueError, match="on other pictures"):
        train_codec(patches[::-1].copy(), tmp_path, SETTINGS)


@slow
def test_every_weight_stays_finite_and_the_transforms_move(
    uninterrupted: HyperpriorNetwork,
) -> None:
    before = HyperpriorNetwork().state_dict()
    after = uninterrupted.state_dict()
    assert all(value.isfinite().all() for value in after.values() if value.is_floating_point())
    for name in ("analysis.weight", "synthesis.weight", "hyper_head.weight", "log_sigma"):
        assert not torch.equal(after[name], before[name]), name


@slow
def test_what_was_trained_is_a_codec(
    uninterrupted: HyperpriorNetwork, tmp_path: Path, astronaut: Pixels
) -> None:
    path = save_weights(uninterrupted, tmp_path)
    trained = Hyperprior.load(path)
    assert path.name == f"hyperprior-{trained.weights_hash[:8]}.safetensors"
    assert list(tmp_path.iterdir()) == [path]
    picture = astronaut[:64, 192:256]
    stream = trained.compress(picture, 5)
    coded = trained.reconstruct(picture, 5)
    np.testing.assert_array_equal(trained.decompress(stream), coded.image)
    # It starts as a transform codec, so even now it gives the picture back.
    assert np.abs(coded.image.astype(int) - picture).mean() < 12


def test_the_rate_of_learning_warms_up_and_falls() -> None:
    rates = [cosine_rate(step, 1000, 1.0) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 200)
    assert max(rates) == pytest.approx(1.0)
    assert rates[:200] == sorted(rates[:200])
    assert rates[200:] == sorted(rates[200:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=1e-4)


def test_patches_are_cut_from_pictures_that_are_large_enough(
    tmp_path: Path, astronaut: Pixels
) -> None:
    Image.fromarray(astronaut).save(tmp_path / "large.png")
    Image.new("L", (2000, 700), 80).save(tmp_path / "huge.png")
    Image.new("RGB", (40, 900)).save(tmp_path / "narrow.png")
    paths = [tmp_path / name for name in ("large.png", "huge.png", "narrow.png")]
    patches = cut_patches(paths, size=96, per_image=2)
    # 512x512 counts as one quarter megapixel; over a megapixel there is a half-size version too.
    assert patches.shape == (2 + 8 + 3, 96, 96, 3)
    assert patches.dtype == np.uint8
    assert (patches[2:] == 80).all()
    np.testing.assert_array_equal(patches, cut_patches(paths, size=96, per_image=2))
    with pytest.raises(ValueError, match="no picture is at least 96x96"):
        cut_patches(paths[2:], size=96, per_image=2)


def test_patches_are_thinned_evenly_to_a_size_that_can_be_carried(tmp_path: Path) -> None:
    patches = np.arange(100, dtype=np.uint8)[:, None, None, None] * np.ones((64, 64, 3), np.uint8)
    kept = thin(patches, 0.5)
    np.save(tmp_path / "packed.npy", kept)
    assert (tmp_path / "packed.npy").stat().st_size <= 2**19
    assert len(kept) >= 40
    assert (kept[0, 0, 0, 0], kept[-1, 0, 0, 0]) == (0, 99)
    np.testing.assert_array_equal(thin(patches, 60), patches)
    with pytest.raises(ValueError, match="hold no patch"):
        thin(patches, 0.001)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"architecture": "elic"}, "known are hyperprior, factorized"),
        ({"crop": 40}, "multiple of 32"),
        ({"crop": 96}, "smaller than a crop of 96"),
        ({"architecture": "hific"}, "name its weights with --start"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(
    patches: Pixels, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        train_codec(patches, tmp_path, replace(SETTINGS, **change))
    assert list(tmp_path.iterdir()) == []
