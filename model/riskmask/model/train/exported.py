"""An exported detector as a network to train on: a run's checkpoints are gone, its file is kept.

Export folds each BatchNorm into the convolution before it. What the normalisation was cannot be
told from the product, but any that gives the same output will do: its statistics are taken anew
from real pictures, and its gain and shift undo them. So the network says what the file says, and
can be trained like any other. Of a file in 8 bits it has the weights as they were rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from riskmask.model.detector import DEFAULT_SHAPE, RATE_POOL, Detector, DetectorShape
from riskmask.model.levels import ANCHORS
from riskmask.model.quantise import crop

Weights = tuple[Tensor, Tensor]  # kernel and bias of a convolution
HEADS = ("/detector/Conv", "/detector/Conv_1")  # names of their nodes: of all maps but the rate, it


class NotADetectorError(ValueError):
    """An ONNX file that holds no detector of the shape asked for."""


def read_exported(
    path: Path, images: Sequence[NDArray[np.uint8]], shape: DetectorShape = DEFAULT_SHAPE
) -> Detector:
    """The network of a file that :func:`riskmask.model.export.export_detector` wrote.

    Its calibration is left out.

    Args:
        path: of the file, in float32 or 8 bits.
        images: (H, W, 3) uint8 RGB each, from whose middles the statistics are taken.
        shape: of the network.

    Returns:
        The network, on the CPU, in evaluation mode.

    Raises:
        NotADetectorError: the file is of another shape, or none that riskmask exported.
    """
    detector = Detector(shape).eval()
    body, head = _weights(path)
    own_head = detector.network.segmentation_head[0]
    layers = {
        name: module
        for name, module in detector.network.named_modules()
        if isinstance(module, nn.Conv2d) and module is not own_head
    }
    shapes = {name: layer.weight.shape for name, layer in layers.items()}
    found = {name: kernel.shape for name, (kernel, _) in body.items()}
    if (found, head[0].shape) != (shapes, own_head.weight.shape):
        raise NotADetectorError(f"{path.name} is no detector of {shape}")
    batch = torch.from_numpy(np.stack([crop(image) for image in images])).permute(0, 3, 1, 2)
    with torch.no_grad():
        own_head.weight.copy_(head[0])
        own_head.bias.copy_(head[1])
        for name, layer in layers.items():
            layer.weight.copy_(body[name][0])
            if layer.bias is not None:
                layer.bias.copy_(body[name][1])
        waiting = {id(layer): body[name][1] for name, layer in layers.items() if layer.bias is None}
        _undo_statistics(detector, batch, waiting)
    return detector


def _weights(path: Path) -> tuple[dict[str, Weights], Weights]:
    """Of every convolution, by its name in the network; of the two heads as the one they were."""
    try:
        graph = onnx.load(path).graph
    except OSError:
        raise
    except Exception as error:  # of the parser of a library of onnx's, which is not ours to name
        raise NotADetectorError(f"{path.name} is no detector that riskmask exported") from error
    try:
        values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        values |= _derived(graph, values)
        nodes = {_module_name(node.name): node for node in graph.node if node.op_type == "Conv"}
        maps, rate = (nodes.pop(name) for name in HEADS)
        body = {name: _pair(values, node.input[1:3]) for name, node in nodes.items()}
        rates = _rate_kernels(graph, values, rate), _tensor(values, rate.input[2])
        # Risk, rate, and the rest: the order of the channels before Detector._heads splits them.
        head = [
            torch.cat([own[:ANCHORS], other, own[ANCHORS:]])
            for own, other in zip(_pair(values, maps.input[1:3]), rates, strict=True)
        ]
    except (KeyError, ValueError, IndexError, RuntimeError):
        raise NotADetectorError(f"{path.name} is no detector that riskmask exported") from None
    return body, (head[0], head[1])


def _module_name(node: str) -> str:
    """``/detector/encoder/blocks.0/blocks.0.1/conv/Conv`` -> ``encoder.blocks.0.1.conv``.

    The name of a node says which module made it, those inside a sequence with the sequence's name
    once more. The heads' nodes, which no module makes, keep the name of the node.
    """
    parts = node.split("/")[2:-1]
    inside = [part for part, inner in pairwise(parts) if not inner.startswith(f"{part}.")]
    return ".".join([*inside, *parts[-1:]]) or node


def _derived(graph: onnx.GraphProto, values: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What the graph makes of its constants: copies of equal ones, and floats of whole numbers."""
    found: dict[str, Any] = {}
    for node in graph.node:
        if not all(name in values for name in node.input):
            continue
        if node.op_type == "Identity":
            found[node.output[0]] = values[node.input[0]]
        elif node.op_type == "DequantizeLinear":
            whole, scale, zero = (values[name] for name in node.input)
            # Weights have one scale for each output channel, which is their first axis.
            shape = (-1, *(1,) * (whole.ndim - 1)) if np.ndim(scale) else ()
            steps = whole.astype(np.float32) - zero.astype(np.float32).reshape(shape)
            found[node.output[0]] = np.asarray(steps * scale.reshape(shape), dtype=np.float32)
    return found


def _rate_kernels(
    graph: onnx.GraphProto, values: Mapping[str, NDArray[Any]], node: onnx.NodeProto
) -> Tensor:
    """The kernels of the rate as they were before :meth:`Detector._heads` pools them."""
    if node.input[1] not in values:  # pooled while the graph runs: it keeps what they were before
        [unpooled] = [each.input[0] for each in graph.node if each.op_type == "Pad"]
        kernels = _tensor(values, unpooled)
        side = kernels.shape[-1]
        return kernels.reshape(ANCHORS, -1, side, side)
    pooled = _tensor(values, node.input[1]).double()
    side = pooled.shape[-1] - RATE_POOL + 1
    # Pooling is linear, and the kernel is the only one of its size that gives this result.
    each = torch.eye(side * side, dtype=torch.float64).reshape(-1, 1, side, side)
    margin = RATE_POOL - 1
    pooling = nn.functional.avg_pool2d(nn.functional.pad(each, (margin,) * 4), RATE_POOL, stride=1)
    flat: Tensor = torch.linalg.lstsq(
        pooling.flatten(1).T, pooled.flatten(2).flatten(0, 1).T
    ).solution
    return flat.T.reshape(*pooled.shape[:2], side, side).float()


def _pair(values: Mapping[str, NDArray[Any]], names: Sequence[str]) -> Weights:
    kernel, bias = (_tensor(values, name) for name in names)
    return kernel, bias


def _tensor(values: Mapping[str, NDArray[Any]], name: str) -> Tensor:
    return torch.from_numpy(np.array(values[name]))


def _undo_statistics(detector: Detector, batch: Tensor, biases: Mapping[int, Tensor]) -> None:
    """Give each normalisation the statistics of what it sees, and a gain and a shift against them.

    Args:
        detector: with the file's kernels; its normalisations are changed.
        batch: (B, 3, H, W) uint8.
        biases: of the file, by the identity of the convolution; those without a bias of their own,
            each of which is followed by a normalisation.
    """
    before: list[int] = []  # convolutions that have run

    def remember(layer: nn.Module, *_: object) -> None:
        before.append(id(layer))

    def undo(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        norm.running_mean = mean
        norm.running_var = variance
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(biases[before[-1]] + mean)

    hooks = []
    for module in detector.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(remember))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(undo))
    detector(batch)
    for hook in hooks:
        hook.remove()
