"""One convolution as several over bands of rows, each of which fits into a processor's cache.

In eight bits the proposal head over the largest level takes nearly twice as long in one piece.
"""

from __future__ import annotations

from typing import Any

from openvino import opset15 as ops

from mrcnn.programs.openvino import operations as op
from mrcnn.programs.openvino.operations import Node

#: Divides the rows of the largest level, which are a quarter of a side that 64 divides.
BANDS = 16


def cut_into_bands(model: Any, first: str, last: str) -> None:
    """Cut a chain of layers into bands, in place; its numbers stay what they were.

    Args:
        model: an `openvino.Model`, of free sizes or fixed ones.
        first: the name of a convolution, 3 x 3 and of stride 1, whose rows `BANDS` divides.
        last: the name of what ends the chain; all between gives each cell from the same one.
    """
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    chain = _chain(nodes[first], nodes[last])
    end = chain[-1].output(0)
    readers = end.get_target_inputs()
    x = chain[0].input_value(0)
    rows = ops.divide(op.gathered(ops.shape_of(x, "i64"), op.whole(2)), op.whole(BANDS))
    parts = []
    for index in range(BANDS):
        # A row more on each side, where there is one: else a row of zeros.
        above, below = int(index > 0), int(index < BANDS - 1)
        start = ops.subtract(ops.multiply(rows, op.whole(index)), op.whole(above))
        stop = ops.add(ops.multiply(rows, op.whole(index + 1)), op.whole(below))
        before, y = x, ops.slice(x, start, stop, op.whole(1), op.whole(2))
        pads = [1 - above, 1], [1 - below, 1]
        for node in chain:
            inputs = [y if value == before else value for value in node.input_values()]
            before, y = node.output(0), _again(node, inputs, pads)
            y.set_friendly_name(f"{node.get_friendly_name()}/band{index}")
            pads = [0, 0], [0, 0]
        parts.append(y)
    joined = op.joined(parts, 2)
    for reader in readers:
        reader.replace_source_output(joined.output(0))
    model.validate_nodes_and_infer_types()


def _chain(first: Node, last: Node) -> list[Node]:
    """Return the nodes from one to another, of each of which one other reads."""
    chain = [first]
    while chain[-1].get_friendly_name() != last.get_friendly_name():
        (reader,) = chain[-1].output(0).get_target_inputs()
        chain.append(reader.get_node())
    return chain


def _again(node: Node, inputs: list[Node], pads: tuple[list[int], list[int]]) -> Node:
    """Return the same operation on other inputs."""
    kind = node.get_type_name()
    if kind == "Convolution":
        return ops.convolution(*inputs, [1, 1], *pads, [1, 1])
    if kind == "FakeQuantize":
        return ops.fake_quantize(*inputs, node.get_attributes()["levels"])
    return {"Add": ops.add, "Relu": ops.relu}[kind](*inputs)
