"""Makes an exported detector's graph faster without changing what it says.

What torch exports is right and slow in two places on ONNX Runtime's CPU kernels. Both are rewritten
to the same function, equal up to the rounding of float32: before quantisation, so that a file in 8
bits is made of the faster graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import onnx
from onnx import helper


def make_faster(model: onnx.ModelProto) -> None:
    """Rewrite a detector's graph in place; one that has been rewritten stays as it is.

    Args:
        model: in float32, as torch exports it.
    """
    _sum_before_upsampling(model.graph)
    _replace_softplus(model.graph)
    _drop_unused(model.graph)


def _replace_softplus(graph: onnx.GraphProto) -> None:
    """ln(1 + e^x) = max(x, 0) - ln(sigmoid(|x|)).

    ONNX Runtime computes Softplus value by value, and these five on vectors.
    """
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type != "Softplus":
            nodes.append(node)
            continue
        [value], [result] = node.input, node.output
        size, sigmoid, logarithm, positive = (
            f"{result}/{part}" for part in ("size", "sigmoid", "logarithm", "positive")
        )
        nodes += [
            _node("Abs", [value], size),
            _node("Sigmoid", [size], sigmoid),
            _node("Log", [sigmoid], logarithm),
            _node("Relu", [value], positive),
            _node("Sub", [positive, logarithm], result),
        ]
    _replace_nodes(graph, nodes)


def _sum_before_upsampling(graph: onnx.GraphProto) -> None:
    """a' + b' = (a + b)', where ' is the same linear upsampling: one less, and a smaller sum."""
    while (found := _sum_of_upsampled(graph)) is not None:
        total, first, second = found
        name = f"{total.output[0]}/before"
        upsampling = onnx.NodeProto()
        upsampling.CopyFrom(first)
        upsampling.name = f"{total.name}/{first.op_type}"
        upsampling.input[0] = name
        upsampling.output[0] = total.output[0]
        total.input[:] = [first.input[0], second.input[0]]
        total.output[0] = name
        nodes = list(graph.node)
        nodes.insert(nodes.index(total) + 1, upsampling)
        _replace_nodes(graph, nodes)
        _drop_unused(graph)


def _sum_of_upsampled(
    graph: onnx.GraphProto,
) -> tuple[onnx.NodeProto, onnx.NodeProto, onnx.NodeProto] | None:
    """A sum of two linear upsamplings that are alike and used nowhere else, and those two."""
    makers = {name: node for node in graph.node for name in node.output}
    uses = [name for node in graph.node for name in node.input]
    for node in graph.node:
        if node.op_type != "Add":
            continue
        first, second = (makers.get(name) for name in node.input)
        if (
            first is not None
            and second is not None
            and first.op_type == second.op_type == "Resize"
            and b"linear" in [each.s for each in first.attribute]
            and _how(first, makers) == _how(second, makers)
            and all(uses.count(name) == 1 for name in node.input)
        ):
            return node, first, second
    return None


def _how(
    upsampling: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]
) -> tuple[list[onnx.AttributeProto], list[object]]:
    """How it samples: its attributes, and its constants, each use of which has its own name."""
    constants: list[object] = []
    for name in upsampling.input[1:]:
        maker = makers.get(name)
        if maker is not None and maker.op_type == "Constant":
            constants.append(list(maker.attribute))
        else:
            constants.append(name)
    return list(upsampling.attribute), constants


def _node(kind: str, inputs: Sequence[str], output: str) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), [output], name=output)


def _replace_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    kept = list(nodes)
    del graph.node[:]
    graph.node.extend(kept)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Takes out the nodes whose outputs nobody reads."""
    while True:
        read = {name for node in graph.node for name in node.input}
        read |= {output.name for output in graph.output}
        kept = [node for node in graph.node if not read.isdisjoint(node.output)]
        if len(kept) == len(graph.node):
            return
        _replace_nodes(graph, kept)
