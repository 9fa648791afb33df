"""The peak of the machine is measured with work that is really done, in every library."""

import numpy as np

from fishy_ros.evaluation.bench.machine_limits import measure_limits, products


def test_every_library_computes_the_same_product() -> None:
    found = {library: product() for library, product in products().items()}
    assert {"numpy", "ONNX Runtime"} <= set(found)
    for library, product in found.items():
        np.testing.assert_allclose(product, found["numpy"], rtol=1e-4, err_msg=library)
    assert found["numpy"].std() > 1


def test_both_limits_are_measured_and_the_library_is_named() -> None:
    limits = measure_limits()
    assert limits.flops_per_s > 1e8
    assert limits.bytes_per_s > 1e8
    assert any(f"({library})" in limits.source for library in products())
