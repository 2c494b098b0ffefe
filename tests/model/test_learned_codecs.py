"""Every architecture, tiny and trained for three steps: real streams, resumed runs, gradients."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from riskmask.model.codec_measures import psnr
from riskmask.model.codecs import LEARNED, learned_codec
from riskmask.model.codecs.base import BitstreamError
from riskmask.model.codecs.cdc import Cdc, CdcNetwork, CdcShape, Sampling
from riskmask.model.codecs.channel_ar import ChannelArNetwork, ChannelArShape
from riskmask.model.codecs.hific import Hific, HificNetwork, HificShape
from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.codecs.level_curve import LevelCurve, curve_path, save_curve
from riskmask.model.codecs.transforms import StepNetwork
from riskmask.model.codecs.weight_files import save_weights, start_from
from riskmask.model.runtime.errors import WeightsError
from riskmask.model.train import codec as training
from riskmask.model.train.codec import CodecTraining, train_codec
from riskmask.model.train.recipes import RECIPES

Pixels = NDArray[np.uint8]
slow = pytest.mark.slow
each = pytest.mark.parametrize("name", LEARNED)

TRANSFORMS = {"luma": 32, "chroma": 6, "width": 16, "refine": 8}
SIZES: dict[str, dict[str, float]] = {
    "factorized": TRANSFORMS,
    "hyperprior": TRANSFORMS | {"hyper": 8},
    "channel-ar": TRANSFORMS | {"hyper": 8, "groups": 3, "context": 16},
    "hific": TRANSFORMS | {"hyper": 8, "texture": 16, "blocks": 1},
    "cdc": TRANSFORMS | {"hyper": 8, "denoise": 8},
}
CURVE = LevelCurve((600.0, 380.0, 240.0, 150.0, 95.0, 60.0, 38.0, 24.0))


@dataclass(frozen=True)
class Trained:
    """A trained network, its weights file, and what it was trained with."""

    network: StepNetwork
    path: Path
    settings: CodecTraining
    start: Path | None


Train = Callable[[str], Trained]


@pytest.fixture(scope="module")
def patches(astronaut: Pixels) -> Pixels:
    return np.stack([astronaut[y : y + 64, x : x + 64] for y in (0, 128) for x in (64, 192, 256)])


@pytest.fixture(scope="module")
def trained(patches: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Each architecture trained once: ``trained("cdc")``."""
    made: dict[str, Trained] = {}

    def train(name: str) -> Trained:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            start = train("hyperprior").path if RECIPES[name].needs_start else None
            settings = CodecTraining(
                architecture=name, steps=3, batch=2, crop=64, device="cpu", sizes=SIZES[name]
            )
            network = train_codec(patches, folder / "run", settings, start)
            path = save_weights(network, folder, name)
            if learned_codec(name).fitted:
                save_curve(CURVE, path, "nothing: figures of a test")
            made[name] = Trained(network, path, settings, start)
        return made[name]

    return train


@pytest.fixture(scope="module")
def lively(trained: Train, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Weights whose generator makes much up, as three steps cannot teach it to."""

    def enliven(name: str, *last: str) -> Path:
        network = copy.deepcopy(trained(name).network)
        torch.manual_seed(2)
        with torch.no_grad():
            for module in last:
                network.get_submodule(module).weight.normal_(std=0.05)
        path = save_weights(network, tmp_path_factory.mktemp("lively"), name)
        save_curve(CURVE, path, "nothing: figures of a test")
        return path

    return enliven


def _codec(trained: Train, name: str) -> LearnedCodec:
    return learned_codec(name).load(trained(name).path)


def _map(height: int, width: int) -> NDArray[np.float32]:
    row = np.linspace(0, 7, -(-width // 16), dtype=np.float32)
    return np.tile(row, (-(-height // 16), 1))


@slow
@each
@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 50), (96, 80)])
@pytest.mark.parametrize("level", [0, 3.4, 7, None])
def test_decoding_gives_exactly_the_reconstruction(
    trained: Train, astronaut: Pixels, name: str, height: int, width: int, level: float | None
) -> None:
    codec = _codec(trained, name)
    picture = astronaut[100 : 100 + height, 160 : 160 + width]
    levels = _map(height, width) if level is None else level
    coded = codec.reconstruct(picture, levels)
    np.testing.assert_array_equal(codec.decompress(codec.compress(picture, levels)), coded.image)
    assert coded.image.shape == picture.shape
    assert coded.rate_map is not None
    assert coded.rate_map.shape == (-(-height // 16), -(-width // 16))


@slow
@each
def test_the_size_on_disk_is_the_estimate(trained: Train, astronaut: Pixels, name: str) -> None:
    codec = _codec(trained, name)
    picture = astronaut[:256, 100:356]
    real = 8 * len(codec.compress(picture, 5)) / 256**2
    coded = codec.reconstruct(picture, 5)
    assert coded.bpp == pytest.approx(real, rel=0.04)
    np.testing.assert_allclose(codec.rate_map(picture, 5).mean(), coded.bpp, rtol=1e-4)


@slow
@each
def test_an_untrained_network_is_a_transform_codec(astronaut: Pixels, name: str) -> None:
    torch.manual_seed(0)
    make = learned_codec(name).network_class
    network = make(make.SHAPE())
    picture = astronaut[:128, 160:288]
    pixels = torch.from_numpy(picture[None]).permute(0, 3, 1, 2).float() / 255
    network.measure_spread(pixels)
    coded = learned_codec(name)(network, "00" * 32).reconstruct(picture, 6)
    assert psnr(picture, coded.image) > 30


@slow
@each
def test_a_killed_run_ends_where_an_undisturbed_one_does(
    trained: Train, patches: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = trained(name)
    drawn = 0
    draw = training.draw_batch

    def killed(*arguments: Any, **options: Any) -> Any:
        nonlocal drawn
        drawn += 1
        if drawn == 3:
            raise KeyboardInterrupt
        return draw(*arguments, **options)

    settings = replace(whole.settings, checkpoint_minutes=0.0)
    monkeypatch.setattr(training, "draw_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        train_codec(patches, tmp_path, settings, whole.start)
    monkeypatch.undo()
    torch.manual_seed(77)  # whatever the process did in between
    resumed = train_codec(patches, tmp_path, settings, whole.start).state_dict()
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed[key]), key


@slow
@each
def test_gradients_reach_every_parameter(trained: Train, patches: Pixels, name: str) -> None:
    make = learned_codec(name).network_class
    torch.manual_seed(1)
    network = make(make.SHAPE(**SIZES[name]))  # type: ignore[arg-type]
    with torch.no_grad():  # last layers start at zero and hold back what lies before them
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.01)
        if network.SIDE_INFORMATION:  # starts so small that all of it rounds to zero
            network.get_submodule("hyper_analysis.4").weight.mul_(200)
    network.train()
    objective = RECIPES[name].objective(network, 0.15)
    images = torch.from_numpy(patches[:2]).permute(0, 3, 1, 2).float() / 255
    loss, figures = objective.loss(images, torch.full((2, 1, 4, 4), 30.0), bf16=False)
    loss.backward()  # type: ignore[no-untyped-call]
    wanted = {id(parameter) for parameter in objective.parameters()}
    reached = {
        key: parameter.grad is not None and bool(parameter.grad.any())
        for key, parameter in network.named_parameters()
        if id(parameter) in wanted
    }
    assert [key for key, found in reached.items() if not found] == []
    assert len(reached) > 20
    assert all(np.isfinite(value) for value in figures.values())


@slow
def test_adversarial_training_leaves_the_streams_alone(trained: Train, astronaut: Pixels) -> None:
    before, after = trained("hyperprior"), trained("hific")
    moved = after.network.state_dict()
    picture = astronaut[:96, 160:256]
    plain = learned_codec("hyperprior").load(before.path)
    made = Hific.load(after.path, levels=LevelCurve())
    assert made.rate_map(picture, 3).tolist() == plain.rate_map(picture, 3).tolist()
    assert not torch.equal(moved["texture.weight"], torch.zeros_like(moved["texture.weight"]))


@slow
def test_the_decoder_of_hific_chooses_how_much_it_makes_up(
    lively: Callable[..., Path], astronaut: Pixels
) -> None:
    path = lively("hific", "fill", "texture", "fill_intensity.2", "texture_intensity.2")
    picture = astronaut[:64, 192:256]
    low, high = (Hific.load(path, intensity=name) for name in ("low", "high"))
    stream = low.compress(picture, 1)
    assert stream == high.compress(picture, 1)
    assert not np.array_equal(low.decompress(stream), high.decompress(stream))
    with pytest.raises(ValueError, match="low, medium, high"):
        Hific.load(path, intensity="extreme")


@slow
def test_the_decoder_of_cdc_is_its_seed(lively: Callable[..., Path], astronaut: Pixels) -> None:
    path = lively("cdc", "denoiser.leave")
    picture = astronaut[:64, 192:256]

    def decoded(**sampling: Any) -> Pixels:
        codec = Cdc.load(path, sampling=Sampling(**sampling))
        return codec.decompress(codec.compress(picture, 1))

    np.testing.assert_array_equal(decoded(seed=3), decoded(seed=3))
    assert not np.array_equal(decoded(seed=3, steps=3), decoded(seed=4, steps=3))
    with pytest.raises(ValueError, match="at least one step"):
        Sampling(steps=0)
    with pytest.raises(ValueError, match="rho"):
        CdcShape(rho=1.5)


@slow
def test_what_the_groups_add_starts_at_nothing(trained: Train, astronaut: Pixels) -> None:
    start = trained("hyperprior")
    network = ChannelArNetwork(ChannelArShape(**SIZES["channel-ar"]))  # type: ignore[arg-type]
    new = start_from(network, start.path)
    assert all(key.startswith(("group_context", "group_residual")) for key in new)
    grown = learned_codec("channel-ar")(network, "00" * 32)
    plain = learned_codec("hyperprior").load(start.path)
    picture = astronaut[:64, 192:256]
    one, other = grown.reconstruct(picture, 4), plain.reconstruct(picture, 4)
    assert one.bpp == pytest.approx(other.bpp, rel=1e-4)
    assert np.abs(one.image.astype(int) - other.image).max() <= 1


@slow
def test_a_stream_belongs_to_its_weights_and_its_levels(trained: Train, astronaut: Pixels) -> None:
    path = trained("factorized").path
    picture = astronaut[:32, :48]
    codec = learned_codec("factorized").load(path)
    refitted = learned_codec("factorized").load(path, LevelCurve((*CURVE.steps[:7], 23.0)))  # type: ignore[index]
    with pytest.raises(BitstreamError, match="other weights"):
        refitted.decompress(codec.compress(picture, 3))
    other = _codec(trained, "hyperprior")
    with pytest.raises(BitstreamError):
        codec.decompress(other.compress(picture, 3))


@slow
def test_weights_that_cannot_be_used_say_what_to_do(trained: Train, tmp_path: Path) -> None:
    cdc = trained("cdc")
    with pytest.raises(WeightsError, match="holds weights of cdc, not of channel-ar"):
        learned_codec("channel-ar").load(cdc.path)
    alone = tmp_path / cdc.path.name
    alone.write_bytes(cdc.path.read_bytes())
    with pytest.raises(WeightsError, match="no level curve beside it; fit it with"):
        Cdc.load(alone)
    curve_path(alone).write_text(
        curve_path(trained("hific").path).read_text(encoding="utf-8"), encoding="utf-8"
    )
    with pytest.raises(WeightsError, match="fitted for other weights"):
        Cdc.load(alone)
    curve_path(alone).write_text("[]", encoding="utf-8")
    with pytest.raises(WeightsError, match="not a level curve"):
        Cdc.load(alone)
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="holds no weights of cdc"):
        Cdc.load(noise)
    with pytest.raises(WeightsError, match="there is no weights file"):
        Cdc.load(tmp_path / "gone.safetensors")
    with pytest.raises(WeightsError, match="holds no weights of a codec"):
        start_from(CdcNetwork(CdcShape(**SIZES["cdc"])), noise)  # type: ignore[arg-type]


def test_nothing_is_generated_by_networks_that_were_not_trained() -> None:
    torch.manual_seed(0)
    network = HificNetwork(HificShape(**SIZES["hific"]))  # type: ignore[arg-type]
    image = torch.rand(1, 3, 64, 64)
    step = torch.full((1, 1, 4, 4), 40.0)
    network.eval()
    with torch.inference_mode():
        latent, _ = network.quantise(image, step)
        assert torch.equal(network.synthesise(latent, step), network.mean_image(latent, step))
