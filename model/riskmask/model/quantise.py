"""The detector in 8 bits: static quantisation of its convolutions on real pictures.

Weights per output channel, activations per tensor between the least and the greatest value seen
(Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
inference", CVPR 2018). The heads stay in float32: their logits become probabilities, in whose tails
a step of 8 bits would be coarse.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (  # type: ignore[import-untyped]
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import (  # type: ignore[import-untyped]
    quant_pre_process,
)

from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.evaluate.precision import is_contested, region_precision
from riskmask.model.export import write_detector
from riskmask.model.faster_graph import make_faster
from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.contract import INPUT
from riskmask.model.runtime.tiles import LENGTHS

QUANTISED = ("Conv", "Add", "Resize", "Clip")
SIDE = LENGTHS[0]  # of the crops that the ranges are taken from
# ONNX Runtime fuses unsigned activations with what comes before and after them; signed ones it
# leaves in pairs of conversions, which made the network slower than in float32. Weights of 7 bits,
# because without VNNI sums of products of unsigned and signed bytes saturate at 16 bits.
SETTINGS: dict[str, Any] = {
    "quant_format": QuantFormat.QDQ,
    "op_types_to_quantize": list(QUANTISED),
    "per_channel": True,
    "activation_type": QuantType.QUInt8,
    "weight_type": QuantType.QInt8,
    "reduce_range": True,
}


class _Crops(CalibrationDataReader):  # type: ignore[misc]
    """Feeds pictures one by one."""

    def __init__(self, images: Iterable[NDArray[np.uint8]]) -> None:
        self._crops: Iterator[NDArray[np.uint8]] = (crop(image) for image in images)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next picture, or None after the last."""
        picture = next(self._crops, None)
        return None if picture is None else {INPUT: picture[None]}


def crop(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a picture, its border repeated where it is too small, to one tile.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    missing = [max(SIDE - length, 0) for length in image.shape[:2]]
    padded = np.pad(image, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
    top, left = ((length - SIDE) // 2 for length in padded.shape[:2])
    return padded[top : top + SIDE, left : left + SIDE]


def quantise_detector(path: Path, images: Iterable[NDArray[np.uint8]], folder: Path) -> Path:
    """Write a detector's ONNX file in 8 bits.

    Args:
        path: of the float32 file; its metadata are kept.
        images: (H, W, 3) uint8 RGB each, such as the detector will see.
        folder: receives ``detector-HASH.onnx``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        faster, prepared, quantised = (
            Path(scratch) / f"{step}.onnx" for step in ("faster", "prepared", "quantised")
        )
        original = onnx.load(path)
        make_faster(original)
        onnx.save(original, faster)
        quant_pre_process(str(faster), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(quantised),
            _Crops(images),
            **SETTINGS,
            nodes_to_exclude=head_nodes(onnx.load(prepared)),
        )
        model = onnx.load(quantised)
        del model.metadata_props[:]
        model.metadata_props.extend(original.metadata_props)
        return write_detector(model.SerializeToString(), folder)


def head_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the convolutions that no other convolution follows, and of all that follows them."""
    nodes = list(model.graph.node)
    readers: dict[str, list[int]] = {}
    for index, node in enumerate(nodes):
        for name in node.input:
            readers.setdefault(name, []).append(index)
    # The nodes stand in topological order, so from the back each knows what follows it.
    followed = [False] * len(nodes)
    for index in reversed(range(len(nodes))):
        followed[index] = any(
            followed[reader] or nodes[reader].op_type == "Conv"
            for name in nodes[index].output
            for reader in readers.get(name, [])
        )
    after: set[str] = set()  # what the heads have made, and whatever was made of it
    excluded = []
    for node, goes_on in zip(nodes, followed, strict=True):
        if (node.op_type == "Conv" and not goes_on) or not after.isdisjoint(node.input):
            after.update(node.output)
            excluded.append(node.name)
    return excluded


def is_quantised(path: Path) -> bool:
    """Whether an ONNX file holds 8-bit conversions already."""
    return any(node.op_type == "QuantizeLinear" for node in onnx.load(path).graph.node)


def lost_precision(table: RegionTable, before: str, after: str) -> dict[int, float]:
    """By contested level, what one method's AP over judged regions has more than another's.

    Args:
        table: judged regions, with both methods' scores.
        before, after: the methods.
    """
    lost = {}
    for level in range(ANCHORS):
        share = float((table.count > level).mean()) if len(table) else 0.0
        if is_contested(share):
            lost[level] = region_precision(table, before, level) - region_precision(
                table, after, level
            )
    return lost
