"""CompressAI's published codecs: real streams from checkpoints on disk, clear words where none are.

The weights are random, in the published shapes and file format: nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from compressai.zoo.image import cfgs, model_architectures
from numpy.typing import NDArray

from riskmask.model.codecs import CODECS
from riskmask.model.codecs.base import BitstreamError, Codec
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.codecs.published import PublishedCodec
from riskmask.model.codecs.published_weights import (
    QUALITIES,
    PublishedWeights,
    PublishedWeightsError,
)

Pixels = NDArray[np.uint8]
ESTIMATED = ("bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean")
AUTOREGRESSIVE = ("mbt2018", "cheng2020-anchor", "cheng2020-attn")


def _checkpoint(folder: Path, architecture: str, name: str | None = None, seed: int = 0) -> Path:
    """A state dict as the zoo publishes it, of random weights at quality 1."""
    torch.manual_seed(seed)
    network = model_architectures[architecture](*cfgs[architecture][1])
    with torch.no_grad():  # or every latent rounds to zero
        last = list(network.g_a.parameters())[-2]
        last.mul_(12)
    network.update()
    path = folder / (name or f"{architecture}-mse-1.pth.tar")
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    for architecture in QUALITIES:
        _checkpoint(folder, architecture)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [*ESTIMATED, *AUTOREGRESSIVE])
def test_decoding_a_real_stream_gives_exactly_the_reconstruction(
    weights: Path, astronaut: Pixels, architecture: str
) -> None:
    codec: Codec = PublishedCodec(architecture, folder=weights)
    picture = astronaut[60:93, 200:250]
    stream = codec.compress(picture, 0)
    coded = codec.reconstruct(picture, 0)
    np.testing.assert_array_equal(codec.decompress(stream), coded.image)
    assert coded.image.shape == picture.shape
    assert coded.image.std() > 0
    assert coded.rate_map is not None
    assert coded.rate_map.shape == (3, 4)
    assert (coded.rate_map > 0).all()
    assert codec.compress(astronaut[160:193, 100:150], 0) != stream


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "mbt2018-mean"])
def test_the_rate_map_is_the_density_of_the_rate(
    weights: Path, astronaut: Pixels, architecture: str
) -> None:
    codec = PublishedCodec(architecture, folder=weights)
    picture = astronaut[:64, 192:320]
    coded = codec.reconstruct(picture, 0)
    assert coded.rate_map is not None
    assert coded.rate_map.mean() == pytest.approx(coded.bpp, rel=1e-4)
    if architecture == "bmshj2018-factorized":  # scales that nobody trained cost escape codes
        real = 8 * len(codec.compress(picture, 0)) / (64 * 128)
        assert coded.bpp == pytest.approx(real, rel=0.05)


def test_a_level_is_nominally_the_quality(weights: Path) -> None:
    eight, six = PublishedCodec("mbt2018", folder=weights), PublishedCodec("cheng2020-attn")
    levels = (0, 0.4, 0.5, 2.6, 5.0, 6.4, 7)
    assert [eight.quality(level) for level in levels] == [1, 1, 2, 4, 6, 7, 8]
    assert [six.quality(level) for level in levels] == [1, 1, 2, 4, 6, 6, 6]
    for wrong in (-0.1, 7.1, float("nan")):
        with pytest.raises(ValueError, match=r"\[0, 7\]"):
            eight.quality(wrong)


def test_a_level_map_is_refused(weights: Path) -> None:
    codec = PublishedCodec("mbt2018-mean", folder=weights)
    with pytest.raises(ValueError, match="not a level map"):
        codec.compress(np.zeros((16, 32, 3), np.uint8), np.zeros((1, 2), np.float32))


def test_streams_of_other_codecs_are_refused(
    weights: Path, codec: Hyperprior, astronaut: Pixels
) -> None:
    picture = astronaut[:32, :32]
    one, other = (
        PublishedCodec(name, folder=weights) for name in ("bmshj2018-hyperprior", "mbt2018-mean")
    )
    factorised = PublishedCodec("bmshj2018-factorized", folder=weights)
    stream = one.compress(picture, 0)
    for reader in (other, factorised, codec):
        with pytest.raises(BitstreamError):
            reader.decompress(stream)
    for foreign in (codec.compress(picture, 0), factorised.compress(picture, 0), stream[:-4], b""):
        with pytest.raises(BitstreamError):
            one.decompress(foreign)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_training_checkpoint_will_do_too(
    tmp_path: Path, astronaut: Pixels, wrapped: bool
) -> None:
    path = _checkpoint(tmp_path, "bmshj2018-factorized")
    state = torch.load(path, weights_only=True)
    if wrapped:
        parallel = {f"module.{name}": value for name, value in state.items()}
        torch.save({"epoch": 3, "state_dict": parallel}, path)
    stream = PublishedCodec("bmshj2018-factorized", folder=tmp_path).compress(
        astronaut[:32, :32], 0
    )
    assert len(stream) > 40


def test_files_are_found_under_their_published_names(tmp_path: Path, astronaut: Pixels) -> None:
    made = _checkpoint(tmp_path, "bmshj2018-factorized", "made.pth.tar")
    weights = PublishedWeights("bmshj2018-factorized", "mse", 1)
    assert weights.published_name == "bmshj2018-factorized-prior-1-446d5c7f.pth.tar"
    made.rename(tmp_path / weights.published_name)
    # It is found, and these are not the published weights: the hash in the name says so.
    with pytest.raises(PublishedWeightsError, match="is damaged: its sha256"):
        weights.read(tmp_path)


def test_a_hash_in_the_name_is_believed_when_it_is_right(tmp_path: Path) -> None:
    made = _checkpoint(tmp_path, "bmshj2018-factorized", "made.pth.tar")
    digest = hashlib.sha256(made.read_bytes()).hexdigest()[:8]
    made.rename(tmp_path / f"bmshj2018-factorized-mse-1-{digest}.pth.tar")
    assert PublishedWeights("bmshj2018-factorized", "mse", 1).read(tmp_path) is not None


def test_each_way_to_have_no_weights_is_named(weights: Path, tmp_path: Path) -> None:
    wanted = PublishedWeights("mbt2018-mean", "mse", 1)
    with pytest.raises(PublishedWeightsError, match="holds no weights mbt2018-mean-mse-1") as none:
        wanted.read(tmp_path)
    assert str(tmp_path) not in str(none.value)

    source = weights / "mbt2018-mean-mse-1.pth.tar"
    (tmp_path / "mbt2018-mean-mse-10.pth.tar").write_bytes(b"another quality")
    (tmp_path / "mbt2018-mean-mse-1-note.pth.tar").write_bytes(b"these are no weights")
    with pytest.raises(PublishedWeightsError, match=r"1-note\.pth\.tar holds no weights of mbt"):
        wanted.read(tmp_path)
    (tmp_path / "mbt2018-mean-mse-1.pth.tar").write_bytes(source.read_bytes())
    with pytest.raises(PublishedWeightsError, match="holds several"):
        wanted.read(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x02.", b"PK\3\4 and then nothing", "other network"]
)
def test_a_file_that_is_not_the_network_is_refused(
    weights: Path, tmp_path: Path, content: bytes | str
) -> None:
    path = tmp_path / "mbt2018-mean-mse-1.pth.tar"
    if isinstance(content, str):
        content = (weights / "bmshj2018-factorized-mse-1.pth.tar").read_bytes()
    path.write_bytes(content)
    with pytest.raises(PublishedWeightsError, match="holds no weights of mbt2018-mean"):
        PublishedWeights("mbt2018-mean", "mse", 1).read(tmp_path)


def test_without_a_network_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The real download, through a proxy at which nobody listens, into an empty cache.
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(PublishedWeightsError, match="could not be downloaded") as caught:
        CODECS["mbt2018-mean"]().compress(np.zeros((8, 8, 3), np.uint8), 2)
    assert "mbt2018-mean-3-723404a8.pth.tar" in str(caught.value)
    assert "name the folder that holds it" in str(caught.value)
    assert time.monotonic() - started < 30


def test_what_was_never_published_is_refused() -> None:
    with pytest.raises(ValueError, match="known are bmshj2018-factorized"):
        PublishedCodec("elic2022")
    with pytest.raises(ValueError, match="mse and ms-ssim"):
        PublishedCodec("mbt2018", "psnr")  # type: ignore[arg-type]
