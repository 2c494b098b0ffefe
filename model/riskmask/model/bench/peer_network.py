"""The network that a user would take off the shelf: smp's FPN, as it comes, in float32."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import torch

from riskmask.model.export import OPSET
from riskmask.model.runtime.contract import INPUT
from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

import segmentation_models_pytorch as smp  # noqa: E402

ENCODER = "tu-mobilenetv4_conv_small"
PYRAMID, SEGMENTATION = 64, 32  # channels; with smp's own 256 and 128 it would be slower still
CHANNELS = 6  # risk at some level, rate, three contents, high impact: the least that is needed
STRIDE = 32  # of its coarsest features, which its input's sides are multiples of


def export_peer() -> bytes:
    """The network with random weights as ONNX.

    Input ``image``: (N, 3, H, W) float32, H and W multiples of 32. Output ``logits``:
    (N, 6, H/4, W/4) float32. Its decoder has GroupNorm, which looks at the whole picture.
    """
    network = smp.FPN(
        ENCODER,
        encoder_weights=None,
        decoder_pyramid_channels=PYRAMID,
        decoder_segmentation_channels=SEGMENTATION,
        classes=CHANNELS,
        upsampling=1,
    ).eval()
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        # what torch says of its older exporter, and of sizes that the trace takes as given
        warnings.simplefilter("ignore")
        path = Path(scratch) / "peer.onnx"
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 256, 256),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=["logits"],
            dynamic_axes={
                INPUT: {0: "n", 2: "height", 3: "width"},
                "logits": {0: "n", 2: "rows", 3: "columns"},
            },
        )
        return path.read_bytes()
