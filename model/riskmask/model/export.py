"""Write the detector as ONNX and prove that the file says what the module says."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray

from riskmask.model.detector import UNCALIBRATED, Calibration, Detector, DetectorGraph
from riskmask.model.faster_graph import make_faster
from riskmask.model.whole_file import replacing

OPSET = 17
CONTRACT = "1"
TOLERANCE = 2e-3  # float32 on two engines


class ExportError(RuntimeError):
    """The exported file does not do what the module does."""


def export_detector(
    detector: Detector, folder: Path, name: str, calibration: Calibration = UNCALIBRATED
) -> Path:
    """Export with uint8 input and all post-processing in the graph.

    Height and width are dynamic multiples of 32; the predictor feeds tiles of few shapes.

    Args:
        detector: trained, on the CPU.
        folder: receives ``detector-HASH.onnx``.
        name: stored in the file's metadata.
        calibration: slope and the anchors' intercepts on the risk's logits.

    Raises:
        ExportError: the file differs from the module on a test picture.
    """
    graph = DetectorGraph(detector, calibration).eval()
    example = torch.zeros(1, 256, 256, 3, dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "detector.onnx"
        spatial = {0: "n", 2: "rows", 3: "columns"}
        torch.onnx.export(
            graph,
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=list(DetectorGraph.OUTPUTS),
            dynamic_axes={
                "image": {0: "n", 1: "height", 2: "width"},
                **{
                    output: {
                        k: (f"{v}_16" if output == "rate" and k else v) for k, v in spatial.items()
                    }
                    for output in DetectorGraph.OUTPUTS
                },
            },
        )
        model = onnx.load(path)
        make_faster(model)
        for key, value in (("riskmask.name", name), ("riskmask.contract", CONTRACT)):
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        content = model.SerializeToString()
    compare(graph, content)
    return write_detector(content, folder)


def write_detector(content: bytes, folder: Path) -> Path:
    """Write an ONNX file's bytes as ``detector-HASH.onnx``, whole or not at all; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"detector-{hashlib.sha256(content).hexdigest()[:8]}.onnx"
    with replacing(target) as partial:
        partial.write_bytes(content)
    return target


def compare(graph: DetectorGraph, content: bytes) -> None:
    """Run the module and the ONNX file on the same pictures of two shapes.

    Raises:
        ExportError: an output differs by more than the tolerance.
    """
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    for height, width in ((256, 256), (96, 320)):
        image: NDArray[np.uint8] = generator.integers(
            0, 256, size=(1, height, width, 3), dtype=np.uint8
        )
        with torch.inference_mode():
            expected = graph(torch.from_numpy(image))
        for output, wanted, got in zip(
            DetectorGraph.OUTPUTS, expected, session.run(None, {"image": image}), strict=True
        ):
            difference = float(np.abs(wanted.numpy() - got).max())
            if not difference <= TOLERANCE:
                raise ExportError(f"{output} differs by {difference:.2g} at {width}x{height}")
