"""Map float32 scores to unsigned integers of the same order, so that they can be sorted and counted as bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SIGN = np.uint32(0x80000000)


def scores_to_keys(scores: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Map float32 scores (any shape, no NaN) to uint32 keys with `a < b` exactly when `key(a) < key(b)`.

    Negative and positive zero share a key, infinities keep their place. The bits of a non-negative float
    already sort as integers; a set sign bit reverses the order, so all bits of negative numbers are flipped.

    >>> scores_to_keys(np.float32([-np.inf, -1.0, -0.0, 0.0, 1.0])).tolist()
    [8388607, 1082130431, 2147483648, 2147483648, 3212836864]
    """
    bits: NDArray[np.uint32] = (scores + np.float32(0.0)).view(np.uint32)  # -0.0 + 0.0 is 0.0
    flips = (bits.view(np.int32) >> 31).view(np.uint32)
    flips |= _SIGN
    bits ^= flips
    return bits


def keys_to_scores(keys: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Invert `scores_to_keys`: uint32 keys to the float32 scores they stand for."""
    flips = np.where(keys & _SIGN, _SIGN, np.uint32(0xFFFFFFFF))
    scores: NDArray[np.float32] = (keys ^ flips).view(np.float32)
    return scores
