"""An engine that takes the camera's whole image and shrinks it itself, for a GPU whose processor is slow or busy.

Not used by the node: copying a whole image into page-locked memory takes a processor about as long as shrinking it into
that memory does (docs/decisions). `docs/gpu_check.sh` measures both ways on a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fishy_ros.errors import ModelPackageError
from fishy_ros.runtimes.tensorrt_library import ParsedNetwork, TensorRtLibrary

_TO_PLANES = (0, 3, 1, 2)
_TO_PIXELS = (0, 2, 3, 1)


def shrink_inside(library: TensorRtLibrary, parsed: ParsedNetwork, factor: int) -> None:
    """Give a parsed network an input that is `factor` times as high and wide, under the same name.

    Each pixel is the mean of `factor` x `factor`, rounded half up, as `INTER_AREA` of OpenCV does it for 2.

    Raises:
        ModelPackageError: the network does not begin with a cast of its only input.
    """
    trt, network = library.module, parsed.network
    image, first = network.get_input(0), network.get_layer(0)
    if network.num_inputs != 1 or first.type != trt.LayerType.CAST or first.get_input(0).name != image.name:
        raise ModelPackageError(f"the network begins with {first.name} ({first.type}), expected a cast of its image")
    name, (_, height, width, channels) = image.name, tuple(image.shape)
    image.name = f"{name}_of_the_network"
    whole = network.add_input(name, trt.uint8, (1, factor * height, factor * width, channels))
    planes = _transpose(network, trt, network.add_cast(whole, trt.float32).get_output(0), _TO_PLANES)
    pooling = network.add_pooling_nd(planes, trt.PoolingType.AVERAGE, (factor, factor))
    pooling.stride_nd = (factor, factor)
    half = network.add_constant((1, 1, 1, 1), np.full((1, 1, 1, 1), 0.5, np.float32)).get_output(0)
    raised = network.add_elementwise(pooling.get_output(0), half, trt.ElementWiseOperation.SUM).get_output(0)
    rounded = network.add_unary(raised, trt.UnaryOperation.FLOOR).get_output(0)
    first.set_input(0, _transpose(network, trt, rounded, _TO_PIXELS))
    network.remove_tensor(image)


def _transpose(network: Any, trt: Any, tensor: Any, order: tuple[int, ...]) -> Any:
    layer = network.add_shuffle(tensor)
    layer.first_transpose = trt.Permutation(list(order))
    return layer.get_output(0)
