"""The detector's answers are monotone in the level and local in the picture."""

from __future__ import annotations

import pytest
import torch

from riskmask.model.detector import Detector, DetectorGraph, Logits


@pytest.fixture(scope="module")
def detector() -> Detector:
    """An untrained detector whose statistics and weights are those of no special case."""
    torch.manual_seed(3)
    network = Detector()
    head = network.network.segmentation_head[0]
    with torch.no_grad():
        head.weight.mul_(30)
        network.train()
        network(_noise(2, 96, 96))
    return network.eval()


def _noise(count: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


@torch.inference_mode()
def _run(detector: Detector, image: torch.Tensor) -> Logits:
    logits = detector(image)
    assert isinstance(logits, Logits)
    return logits


def test_shapes_follow_the_picture(detector: Detector) -> None:
    logits = _run(detector, _noise(2, 64, 96))
    assert logits.risk.shape == (2, 8, 16, 24)
    assert logits.log_rate.shape == (2, 8, 4, 6)
    assert logits.content.shape == (2, 3, 16, 24)
    assert logits.high_impact.shape == (2, 1, 16, 24)
    assert logits.kind.shape == (2, 3, 16, 24)


@pytest.mark.parametrize("seed", range(3))
def test_a_finer_level_never_means_more_risk_nor_fewer_bits(detector: Detector, seed: int) -> None:
    logits = _run(detector, _noise(1, 128, 128, seed))
    assert (logits.risk.diff(dim=1) <= 0).all()
    assert (logits.log_rate.diff(dim=1) >= 0).all()
    assert logits.risk.std() > 0.1
    assert logits.log_rate.std() > 0.1


def test_bytes_and_floats_of_the_same_picture_are_the_same(detector: Detector) -> None:
    image = _noise(1, 64, 64)
    one, other = _run(detector, image), _run(detector, image.float())
    assert torch.equal(one.risk, other.risk)
    assert torch.equal(one.log_rate, other.log_rate)


def test_the_graph_takes_pictures_as_they_are_stored(detector: Detector) -> None:
    image = _noise(1, 64, 96)
    with torch.inference_mode():
        risk, rate, content, high_impact, kind = DetectorGraph(detector)(image.permute(0, 2, 3, 1))
    logits = _run(detector, image)
    assert torch.equal(risk, torch.sigmoid(logits.risk))
    assert torch.allclose(rate, torch.exp(logits.log_rate.clamp(max=4)))
    for maps in (risk, content, high_impact, kind):
        assert ((maps >= 0) & (maps <= 1)).all()
    assert (rate > 0).all()


@pytest.mark.slow
def test_a_far_corner_changes_nothing_here(detector: Detector) -> None:
    image = _noise(1, 64, 1536)
    changed = image.clone()
    changed[:, :, -8:, -8:] = 255 - changed[:, :, -8:, -8:]
    one, other = _run(detector, image), _run(detector, changed)
    for name in vars(one):
        before, after = getattr(one, name), getattr(other, name)
        half = before.shape[-1] // 2
        assert torch.equal(before[..., :half], after[..., :half]), name
        assert not torch.equal(before[..., half:], after[..., half:]), name


@pytest.mark.slow
def test_a_part_of_a_picture_gets_the_answer_of_the_whole(detector: Detector) -> None:
    # Upsampling that aligns corners fails here: it samples where the whole size says.
    image = _noise(1, 64, 1536)
    whole, part = _run(detector, image), _run(detector, image[..., :1024])
    for name in vars(whole):
        wanted, got = getattr(whole, name), getattr(part, name)
        near = got.shape[-1] // 4
        difference = (wanted[..., :near] - got[..., :near]).abs().max()
        assert difference < 1e-4, f"{name} differs by {difference}"


def test_the_network_has_no_operator_of_global_extent(detector: Detector) -> None:
    kinds = {type(module).__name__ for module in detector.modules()}
    assert "BatchNorm2d" in kinds
    for name in ("GroupNorm", "LayerNorm", "SqueezeExcite", "AdaptiveAvgPool2d", "InstanceNorm2d"):
        assert not [kind for kind in kinds if name in kind]
