"""ONNX operators in torch, as the ONNX operator specification defines them; only those that our graphs use.

A function takes the inputs of a node (None where an optional one is left out) and its attributes. Inputs that say how
and not what, such as axes and shapes, come as plain lists (`PARAMETERS`), so that no device is asked for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Attributes = Mapping[str, Any]
Operator = Callable[[list[Any], Attributes], Tensor]

DTYPES: dict[int, torch.dtype] = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
}
"""torch's types by the number in `onnx.TensorProto.DataType`."""


class UnsupportedError(Exception):
    """A node needs an operator or an attribute that is not here."""


def _elementwise(function: Callable[..., Tensor]) -> Operator:
    return lambda inputs, _: function(*inputs)


def _convolve(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, weight, bias = inputs[0], inputs[1], _at(inputs, 2)
    stride, dilation = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    return F.conv2d(x, weight, bias, stride, _symmetric(attributes), dilation, attributes.get("group", 1))


def _convolve_transposed(inputs: list[Any], attributes: Attributes) -> Tensor:
    if "output_shape" in attributes:
        raise UnsupportedError("output_shape")
    x, weight, bias = inputs[0], inputs[1], _at(inputs, 2)
    stride, dilation = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    extra = attributes.get("output_padding", [0, 0])
    return F.conv_transpose2d(
        x, weight, bias, stride, _symmetric(attributes), extra, attributes.get("group", 1), dilation
    )


def _normalise(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, scale, bias, mean, variance = inputs
    return F.batch_norm(x, mean, variance, scale, bias, training=False, eps=attributes.get("epsilon", 1e-5))


def _average_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    return F.avg_pool2d(
        inputs[0],
        attributes["kernel_shape"],
        attributes.get("strides", [1, 1]),
        _symmetric(attributes),
        bool(attributes.get("ceil_mode", 0)),
        bool(attributes.get("count_include_pad", 0)),
    )


def _max_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    return F.max_pool2d(
        inputs[0],
        attributes["kernel_shape"],
        attributes.get("strides", [1, 1]),
        _symmetric(attributes),
        attributes.get("dilations", [1, 1]),
        bool(attributes.get("ceil_mode", 0)),
    )


def _symmetric(attributes: Attributes) -> list[int]:
    """Return the padding of both sides in torch's form."""
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise UnsupportedError("auto_pad")
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    half = len(pads) // 2
    if pads[:half] != pads[half:]:
        raise UnsupportedError(f"pads {pads}, which differ between the sides")
    return pads[:half]


def _resize(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, scales, sizes = inputs[0], *(_at(inputs, index) for index in (2, 3))
    size = [int(side) for side in sizes] if sizes else [int(s * n) for s, n in zip(scales, x.shape, strict=True)]
    if size[:2] != list(x.shape[:2]):
        raise UnsupportedError(f"resizing {list(x.shape)} to {size}")
    mode = attributes.get("mode", b"nearest")
    place = attributes.get("coordinate_transformation_mode", b"half_pixel")
    rounding = attributes.get("nearest_mode", b"round_prefer_floor")
    if (mode, place, rounding) == (b"nearest", b"asymmetric", b"floor"):
        return F.interpolate(x, size[2:], mode="nearest")
    if mode == b"linear" and place in (b"half_pixel", b"pytorch_half_pixel", b"align_corners"):
        return F.interpolate(x, size[2:], mode="bilinear", align_corners=place == b"align_corners")
    raise UnsupportedError(f"mode {mode.decode()}, {place.decode()}, {rounding.decode()}")


def _reduce(function: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    """Reduce over axes that are an attribute up to opset 17 and an input after that."""

    def operator(inputs: list[Any], attributes: Attributes) -> Tensor:
        axes = attributes.get("axes") or _at(inputs, 1)
        if not axes and attributes.get("noop_with_empty_axes", 0):
            return inputs[0]  # type: ignore[no-any-return]
        return function(inputs[0], axes or list(range(inputs[0].dim())), bool(attributes.get("keepdims", 1)))

    return operator


def _arg_max(inputs: list[Any], attributes: Attributes) -> Tensor:
    if attributes.get("select_last_index", 0):
        raise UnsupportedError("select_last_index")
    return torch.argmax(inputs[0], attributes.get("axis", 0), keepdim=bool(attributes.get("keepdims", 1)))


def _cumulate(inputs: list[Any], attributes: Attributes) -> Tensor:
    if attributes.get("exclusive", 0) or attributes.get("reverse", 0):
        raise UnsupportedError("exclusive or reverse")
    return torch.cumsum(inputs[0], int(inputs[1]))


def _squeeze(inputs: list[Any], attributes: Attributes) -> Tensor:
    axes = attributes.get("axes") or _at(inputs, 1)
    return inputs[0].squeeze(tuple(axes)) if axes else inputs[0].squeeze()  # type: ignore[no-any-return]


def _unsqueeze(inputs: list[Any], attributes: Attributes) -> Tensor:
    axes = attributes.get("axes") or inputs[1]
    rank = inputs[0].dim() + len(axes)
    x: Tensor = inputs[0]
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _reshape(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, shape = inputs
    keep = not attributes.get("allowzero", 0)
    return x.reshape([x.shape[i] if keep and side == 0 else side for i, side in enumerate(shape)])  # type: ignore[no-any-return]


def _slice(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, starts, ends = inputs[0], inputs[1], inputs[2]
    axes = _at(inputs, 3) or list(range(len(starts)))
    steps = _at(inputs, 4) or [1] * len(starts)
    index = [slice(None)] * x.dim()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step < 1:
            raise UnsupportedError(f"step {step}")
        index[axis] = slice(start, end, step)
    return x[tuple(index)]  # type: ignore[no-any-return]


def _gather(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, index = inputs
    axis = attributes.get("axis", 0) % x.dim()
    index = torch.where(index < 0, index + x.shape[axis], index)
    picked = x.index_select(axis, index.reshape(-1))
    return picked.reshape([*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]])  # type: ignore[no-any-return]


def _pad(inputs: list[Any], attributes: Attributes) -> Tensor:
    if attributes.get("mode", b"constant") != b"constant" or _at(inputs, 3):
        raise UnsupportedError("other than constant padding of all axes")
    rank = inputs[0].dim()
    pads = [side for axis in reversed(range(rank)) for side in (inputs[1][axis], inputs[1][axis + rank])]
    return F.pad(inputs[0], pads, value=float((_at(inputs, 2) or [0.0])[0]))


def _constant_of_shape(inputs: list[Any], attributes: Attributes) -> Tensor:
    value = attributes.get("value", torch.zeros(1))
    return value.reshape([1] * len(inputs[0])).expand(inputs[0]).clone()  # type: ignore[no-any-return]


def _quantize(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, scale, zero = inputs[0], inputs[1], _at(inputs, 2)
    zero = torch.zeros((), dtype=torch.uint8, device=x.device) if zero is None else zero
    bounds = torch.iinfo(zero.dtype)
    steps = torch.round(x / _along(scale, x, attributes)) + _along(zero, x, attributes).to(x.dtype)
    return steps.clamp(bounds.min, bounds.max).to(zero.dtype)


def _dequantize(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, scale, zero = inputs[0], inputs[1], _at(inputs, 2)
    levels = x.to(scale.dtype)
    if zero is not None:
        levels = levels - _along(zero, x, attributes).to(scale.dtype)
    return levels * _along(scale, x, attributes)  # type: ignore[no-any-return]


def _along(parameter: Tensor, x: Tensor, attributes: Attributes) -> Tensor:
    """Give a parameter per channel the shape that broadcasts along the quantised axis."""
    if parameter.numel() == 1:
        return parameter.reshape(())
    shape = [1] * x.dim()
    shape[attributes.get("axis", 1)] = -1
    return parameter.reshape(shape)


def _at(inputs: list[Any], index: int) -> Any:
    return inputs[index] if index < len(inputs) else None


PARAMETERS: dict[str, tuple[int, ...]] = {
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Squeeze": (1,),
    "Unsqueeze": (1,),
    "Slice": (1, 2, 3, 4),
    "Expand": (1,),
    "Pad": (1, 2, 3),
    "ConstantOfShape": (0,),
    **{f"Reduce{kind}": (1,) for kind in ("Mean", "Max", "Min", "Sum", "SumSquare", "L2", "LogSumExp")},
}
"""Inputs, by position, that a node needs as plain lists."""

OPERATORS: dict[str, Operator] = {
    "Abs": _elementwise(torch.abs),
    "Add": _elementwise(torch.add),
    "ArgMax": _arg_max,
    "AveragePool": _average_pool,
    "BatchNormalization": _normalise,
    "Cast": lambda inputs, attributes: inputs[0].to(DTYPES[attributes["to"]]),
    "Clip": lambda inputs, _: torch.clamp(inputs[0], _at(inputs, 1), _at(inputs, 2)),
    "Concat": lambda inputs, attributes: torch.cat(inputs, attributes["axis"]),
    "ConstantOfShape": _constant_of_shape,
    "Conv": _convolve,
    "ConvTranspose": _convolve_transposed,
    "CumSum": _cumulate,
    "DequantizeLinear": _dequantize,
    "Div": _elementwise(torch.div),
    "Equal": _elementwise(torch.eq),
    "Exp": _elementwise(torch.exp),
    "Expand": lambda inputs, _: inputs[0] * inputs[0].new_ones(inputs[1]),
    "Gather": _gather,
    "GlobalAveragePool": lambda inputs, _: inputs[0].mean((2, 3), keepdim=True),
    "Greater": _elementwise(torch.gt),
    "Identity": _elementwise(lambda x: x),
    "Less": _elementwise(torch.lt),
    "Log": _elementwise(torch.log),
    "LogSoftmax": lambda inputs, attributes: F.log_softmax(inputs[0], attributes.get("axis", -1)),
    "Max": _elementwise(lambda first, *others: _fold(torch.maximum, first, others)),
    "MaxPool": _max_pool,
    "Min": _elementwise(lambda first, *others: _fold(torch.minimum, first, others)),
    "Mul": _elementwise(torch.mul),
    "Neg": _elementwise(torch.neg),
    "Pad": _pad,
    "Pow": _elementwise(torch.pow),
    "QuantizeLinear": _quantize,
    "Reciprocal": _elementwise(torch.reciprocal),
    "ReduceL2": _reduce(lambda x, axes, keep: torch.linalg.vector_norm(x, dim=axes, keepdim=keep)),
    "ReduceLogSumExp": _reduce(torch.logsumexp),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceSum": _reduce(torch.sum),
    "ReduceSumSquare": _reduce(lambda x, axes, keep: x.square().sum(axes, keep)),
    "Relu": _elementwise(torch.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Sigmoid": _elementwise(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda inputs, attributes: F.softmax(inputs[0], attributes.get("axis", -1)),
    "Softplus": _elementwise(F.softplus),
    "Softsign": _elementwise(F.softsign),
    "Sqrt": _elementwise(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(torch.sub),
    "Tanh": _elementwise(torch.tanh),
    "Transpose": lambda inputs, attributes: inputs[0].permute(attributes["perm"]),
    "Unsqueeze": _unsqueeze,
    "Where": _elementwise(torch.where),
}


def _fold(function: Callable[[Tensor, Tensor], Tensor], first: Tensor, others: tuple[Tensor, ...]) -> Tensor:
    for other in others:
        first = function(first, other)
    return first
