"""A graph that is rewritten to run faster says the same, and has lost what was slow."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from riskmask.model.faster_graph import make_faster
from riskmask.model.quantise import quantise_detector

Pixels = NDArray[np.uint8]


class Pyramid(nn.Module):
    """Three maps of one size, upsampled and added like the detector's; what follows uses them."""

    def __init__(self, mode: str, reused: bool) -> None:
        super().__init__()
        aligned = {"align_corners": False} if mode == "bilinear" else {}
        self.ups = nn.ModuleList([nn.Upsample(scale_factor=2, mode=mode, **aligned)] * 3)
        self.reused = reused

    def forward(self, maps: Tensor) -> Tensor:
        """(1, 6, h, w) -> (1, 2, 2h, 2w)."""
        first, second, third = (
            up(part) for up, part in zip(self.ups, torch.split(maps, 2, dim=1), strict=True)
        )
        total = torch.nn.functional.softplus(first + second + third)
        return total * first if self.reused else total


def _exported(module: nn.Module, folder: Path) -> onnx.ModelProto:
    path = folder / "pyramid.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter
        torch.onnx.export(
            module, (torch.zeros(1, 6, 8, 8),), str(path), dynamo=False, opset_version=17,
            input_names=["maps"], output_names=["total"],
        )  # fmt: skip
    return onnx.load(path)


def _answer(model: onnx.ModelProto, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    onnx.checker.check_model(model)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, inputs)[0])


def _kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize(
    ("mode", "reused", "left"),
    [("bilinear", False, 1), ("bilinear", True, 3), ("nearest", False, 3)],
    ids=["alike", "used elsewhere too", "not linear"],
)
def test_a_sum_of_linear_upsamplings_is_upsampled_once(
    mode: str, reused: bool, left: int, tmp_path: Path
) -> None:
    model = _exported(Pyramid(mode, reused), tmp_path)
    assert _kinds(model)["Resize"] == 3
    maps = np.random.default_rng(0).normal(0, 5, (1, 6, 8, 8)).astype(np.float32)
    before = _answer(model, maps=maps)
    make_faster(model)
    assert _kinds(model)["Resize"] == left
    np.testing.assert_allclose(_answer(model, maps=maps), before, rtol=1e-5, atol=1e-5)


def test_softplus_is_the_same_over_all_of_its_range() -> None:
    value, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")
    )
    graph = helper.make_graph([helper.make_node("Softplus", ["x"], ["y"])], "g", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    make_faster(model)
    assert "Softplus" not in _kinds(model)
    x = np.concatenate([np.linspace(-100, 100, 20_001), [-1e30, 1e30]]).astype(np.float32)
    expected = np.logaddexp(0.0, x.astype(np.float64))
    np.testing.assert_allclose(_answer(model, x=x), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_an_exported_detector_is_fast_already_and_stays_as_it_is(float_detector: Path) -> None:
    model = onnx.load(float_detector)
    kinds, content = _kinds(model), model.SerializeToString()
    assert kinds["Softplus"] == 0
    assert kinds["Resize"] == 7  # 3 of the pyramid, 6 of its levels less 2 of the last size
    make_faster(model)
    assert model.SerializeToString() == content


@pytest.mark.slow
def test_a_file_in_8_bits_is_made_of_the_faster_graph(
    float_detector: Path, astronaut: Pixels, tmp_path: Path
) -> None:
    quantised = onnx.load(quantise_detector(float_detector, [astronaut], tmp_path))
    kinds = _kinds(quantised)
    assert (kinds["Softplus"], kinds["Resize"]) == (0, 7)
    values = {each.name: numpy_helper.to_array(each) for each in quantised.graph.initializer}
    assert any(array.dtype == np.int8 for array in values.values())
