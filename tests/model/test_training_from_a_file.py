"""Training goes on from an exported detector, whose run's checkpoints are gone."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from riskmask.model.data.planes import LabelMap
from riskmask.model.data.training_set import Example
from riskmask.model.detector import Detector, DetectorShape
from riskmask.model.export import export_detector
from riskmask.model.quantise import quantise_detector
from riskmask.model.train.exported import NotADetectorError, read_exported
from riskmask.model.train.starts import read_start

SMALL = DetectorShape(pyramid=32, segmentation=32)


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    return [
        np.kron(generator.integers(0, 256, (16, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        for _ in range(6)
    ]


@pytest.fixture(scope="module")
def trained(pictures: list[NDArray[np.uint8]]) -> Detector:
    """A network whose normalisations have seen something and do something."""
    torch.manual_seed(3)
    network = Detector(SMALL).train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        for _ in range(3):
            network(_batch(pictures))
    return network.eval()


def _batch(pictures: list[NDArray[np.uint8]]) -> torch.Tensor:
    return torch.from_numpy(np.stack([p[:128, :160] for p in pictures])).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def file(trained: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    calibrated = (0.7, (-0.1,) * 8)  # which is not the network's
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter that is used
        return export_detector(trained, tmp_path_factory.mktemp("exported"), "test", calibrated)


def test_the_network_says_what_it_said_before_it_was_exported(
    trained: Detector, file: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    read = read_exported(file, pictures, SMALL)
    other = np.random.default_rng(1).integers(0, 256, (2, 3, 96, 128), dtype=np.uint8)
    with torch.inference_mode():
        before, after = trained(torch.from_numpy(other)), read(torch.from_numpy(other))
    for name, value in vars(before).items():
        torch.testing.assert_close(getattr(after, name), value, atol=2e-4, rtol=1e-4)


def test_of_a_file_in_8_bits_it_has_the_rounded_weights(
    file: Path, pictures: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    quantised = quantise_detector(file, pictures, tmp_path)
    read, exact = (read_exported(each, pictures, SMALL) for each in (quantised, file))
    for (name, rounded), value in zip(
        read.state_dict().items(), exact.state_dict().values(), strict=True
    ):
        if name.endswith("weight") and rounded.ndim == 4:
            step = value.abs().amax(dim=(1, 2, 3), keepdim=True) / 64  # 7 bits with a sign
            assert ((rounded - value).abs() <= step * 0.51).all(), name
    head = "network.segmentation_head.0.weight"
    torch.testing.assert_close(read.state_dict()[head], exact.state_dict()[head])


def test_its_normalisations_have_the_statistics_of_the_pictures(
    file: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    """Or the first step of a training, which normalises by its batch, would change everything."""
    read = read_exported(file, pictures, SMALL)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def look(norm: torch.nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        seen.append((norm.running_mean.clone(), inputs[0].mean(dim=(0, 2, 3))))

    for module in read.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(look)
    margins = [(0, 256 - 128), (0, 256 - 160), (0, 0)]
    padded = np.stack([np.pad(picture, margins, mode="edge") for picture in pictures])
    with torch.inference_mode():
        read(torch.from_numpy(padded).permute(0, 3, 1, 2))
    assert len(seen) > 30
    for kept, mean in seen:
        torch.testing.assert_close(kept, mean, atol=1e-3, rtol=1e-3)


def test_every_weight_can_be_trained(file: Path, pictures: list[NDArray[np.uint8]]) -> None:
    read = read_exported(file, pictures, SMALL).train()
    logits = read(_batch(pictures))
    sum(value.square().mean() for value in vars(logits).values()).backward()
    for name, parameter in read.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_a_file_of_another_shape_is_refused(file: Path, pictures: list[NDArray[np.uint8]]) -> None:
    with pytest.raises(NotADetectorError, match=r"no detector of DetectorShape\(.*pyramid=64"):
        read_exported(file, pictures)


def test_a_file_that_is_no_detector_is_refused(
    tmp_path: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    tensor = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph([node], "g", [tensor], [out])),
        tmp_path / "other.onnx",
    )
    with pytest.raises(NotADetectorError, match=r"other\.onnx is no detector that riskmask"):
        read_exported(tmp_path / "other.onnx", pictures)
    (tmp_path / "photo.onnx").write_bytes(b"no model at all")
    with pytest.raises(NotADetectorError, match=r"photo\.onnx is no detector that riskmask"):
        read_exported(tmp_path / "photo.onnx", pictures)


def test_a_run_begins_with_a_file_or_with_a_folder(
    file: Path, pictures: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    h, w = 128 // 4, 160 // 4
    none = np.zeros((3, h, w), bool)
    labels = LabelMap(
        changed=none.astype(np.uint8),
        valid=none,
        present=none,
        present_valid=none,
        high_impact=np.zeros((h, w), np.uint8),
        kind=none.astype(np.uint8),
        rate=np.ones((8, 8, 10), np.float16),
    )
    examples = [Example(str(i), p, labels, (), "tests") for i, p in enumerate(pictures)]
    with pytest.raises(NotADetectorError):  # it was read: it is of another shape than the default
        read_start(file, examples)
    with pytest.raises(FileNotFoundError):
        read_start(tmp_path / "missing", examples)
