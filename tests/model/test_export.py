"""The exported file says what the module says, and a file that does not is refused."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from riskmask.model.detector import Detector, DetectorGraph
from riskmask.model.export import ExportError, compare, export_detector
from riskmask.model.runtime.predictor import Predictor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def detector() -> Detector:
    torch.manual_seed(1)
    return Detector().eval()


@pytest.fixture(scope="module")
def exported(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        # The exporter that is as fast and needs no further package is the older one.
        warnings.simplefilter("ignore")
        return export_detector(detector, tmp_path_factory.mktemp("export"), "tiny-of-a-test")


def test_the_predictor_runs_it_and_agrees_with_the_module(
    exported: Path, detector: Detector
) -> None:
    predictor = Predictor(exported, threads=1)
    assert predictor.name == "tiny-of-a-test"
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    prediction = predictor.predict(picture)
    with torch.inference_mode():
        risk, rate, *_ = DetectorGraph(detector)(torch.from_numpy(picture)[None])
    np.testing.assert_allclose(prediction.risk, risk[0].numpy(), atol=2e-3)
    np.testing.assert_allclose(prediction.rate, rate[0].numpy(), rtol=2e-3)
    assert prediction.risk.std() > 0


def test_the_file_is_named_by_its_content_and_says_what_it_is(exported: Path) -> None:
    digest = hashlib.sha256(exported.read_bytes()).hexdigest()
    assert exported.name == f"detector-{digest[:8]}.onnx"
    assert list(exported.parent.iterdir()) == [exported]
    assert exported.stat().st_size < 8_000_000
    model = onnx.load(exported)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "riskmask.name": "tiny-of-a-test",
        "riskmask.contract": "1",
    }
    assert [value.name for value in model.graph.output] == list(DetectorGraph.OUTPUTS)
    image = model.graph.input[0].type.tensor_type
    assert image.elem_type == onnx.TensorProto.UINT8


def test_a_file_that_was_tampered_with_is_refused(exported: Path, detector: Detector) -> None:
    graph = DetectorGraph(detector).eval()
    compare(graph, exported.read_bytes())
    model = onnx.load(exported)
    weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.5, weights.name))
    with pytest.raises(ExportError, match="differs by"):
        compare(graph, model.SerializeToString())


def test_another_detector_s_file_is_refused(exported: Path) -> None:
    torch.manual_seed(2)
    with pytest.raises(ExportError, match="differs by"):
        compare(DetectorGraph(Detector()).eval(), exported.read_bytes())
