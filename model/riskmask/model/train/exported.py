"""An exported detector as a network to train on: a run's checkpoints are gone, its file is kept.

Export folds each BatchNorm into the convolution before it. What the normalisation was cannot be
told from the product, but any that gives the same output will do: its statistics are taken anew
from real pictures, and its gain and shift undo them. So the network says what the file says, and
can be trained like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from riskmask.model.detector import DEFAULT_SHAPE, Detector, DetectorShape
from riskmask.model.levels import ANCHORS
from riskmask.model.quantise import crop, is_quantised

Weights = tuple[Tensor, Tensor]  # kernel and bias of a convolution


class NotADetectorError(ValueError):
    """An ONNX file that holds no float32 detector of the shape asked for."""


def read_exported(
    path: Path, images: Sequence[NDArray[np.uint8]], shape: DetectorShape = DEFAULT_SHAPE
) -> Detector:
    """The network of a file that :func:`riskmask.model.export.export_detector` wrote.

    Its calibration is left out.

    Args:
        path: of the file, in float32.
        images: (H, W, 3) uint8 RGB each, from whose middles the statistics are taken.
        shape: of the network.

    Returns:
        The network, on the CPU, in evaluation mode.

    Raises:
        NotADetectorError: the file is of another shape, or in 8 bits.
    """
    if is_quantised(path):
        raise NotADetectorError(f"{path.name} is in 8 bits; name the float32 file it was made from")
    detector = Detector(shape).eval()
    *body, head = _weights(path)
    batch = torch.from_numpy(np.stack([crop(image) for image in images])).permute(0, 3, 1, 2)
    layers = _in_order(detector, batch[:1])
    own_head = detector.network.segmentation_head[0]
    wanted = [layer.weight.shape for layer in layers] + [own_head.weight.shape]
    if [kernel.shape for kernel, _ in [*body, head]] != wanted:
        raise NotADetectorError(f"{path.name} is no detector of {shape}")
    with torch.no_grad():
        own_head.weight.copy_(head[0])
        own_head.bias.copy_(head[1])
        for layer, (kernel, bias) in zip(layers, body, strict=True):
            layer.weight.copy_(kernel)
            if layer.bias is not None:
                layer.bias.copy_(bias)
        _undo_statistics(detector, batch, [bias for _, bias in body], layers)
    return detector


def _weights(path: Path) -> list[Weights]:
    """Of every convolution in the order of the graph, the two heads as the one they were."""
    graph = onnx.load(path).graph
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    unpooled = [node.input[0] for node in graph.node if node.op_type == "Pad"]
    try:
        *body, maps = [_pair(values, node.input[1:3]) for node in nodes[:-1]]
        # The file keeps the kernels of the rate as they were before Detector._heads pools them.
        [kernels] = unpooled
        rate = _pair(values, [kernels, nodes[-1].input[2]])
        kernel, bias = maps
        parts = rate[0].reshape(ANCHORS, *kernel.shape[1:]), rate[1]
    except (KeyError, ValueError, IndexError, RuntimeError):
        raise NotADetectorError(f"{path.name} is no detector that riskmask exported") from None
    # Risk, rate, and the rest: the order of the channels before Detector._heads takes them apart.
    head = [
        torch.cat([own[:ANCHORS], other, own[ANCHORS:]])
        for own, other in zip((kernel, bias), parts, strict=True)
    ]
    return [*body, (head[0], head[1])]


def _pair(values: dict[str, NDArray[Any]], names: Sequence[str]) -> Weights:
    kernel, bias = (torch.from_numpy(np.array(values[name])) for name in names)
    return kernel, bias


def _in_order(detector: Detector, image: Tensor) -> list[nn.Conv2d]:
    """Convolutions in the order in which they run, but for the head, which runs as a function."""
    order: list[nn.Conv2d] = []
    hooks = [
        module.register_forward_hook(lambda module, *_: order.append(module))
        for module in detector.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.inference_mode():
        detector(image)
    for hook in hooks:
        hook.remove()
    return order


def _undo_statistics(
    detector: Detector, batch: Tensor, biases: Sequence[Tensor], layers: Sequence[nn.Conv2d]
) -> None:
    """Give each normalisation the statistics of what it sees, and a gain and a shift against them.

    Args:
        detector: with the file's kernels; its normalisations are changed.
        batch: (B, 3, H, W) uint8.
        biases: of the file, one for each of ``layers``.
        layers: convolutions in the order in which they run; one without a bias of its own is
            followed by a normalisation.
    """
    waiting = [bias for layer, bias in zip(layers, biases, strict=True) if layer.bias is None]

    def undo(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        norm.running_mean = mean
        norm.running_var = variance
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(waiting.pop(0) + mean)

    norms = [module for module in detector.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(undo) for norm in norms]
    detector(batch)
    for hook in hooks:
        hook.remove()
