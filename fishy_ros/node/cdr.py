"""Read the primitive fields of a message in its serialised form, without a copy.

Layout: OMG "DDS-XTypes" 1.3, section 7.4 (XCDR1 and XCDR2 agree where no field is wider than 4 bytes).
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError

_PLAIN_REPRESENTATIONS = frozenset({0x0000, 0x0001, 0x0006, 0x0007})
"""CDR_BE, CDR_LE, CDR2_BE and CDR2_LE: odd ones are little-endian."""
_HEADER_BYTES = 4


class CdrReader:
    """Read one field after the other from a serialised message.

    Every method raises `ImageError` when the message ends too early.
    """

    def __init__(self, message: bytes) -> None:
        """Read the header that names the representation.

        Raises:
            ImageError: there is no header, or it names a representation that ROS 2 does not use.
        """
        if len(message) < _HEADER_BYTES:
            raise ImageError(f"a serialised message has {len(message)} bytes; expected at least {_HEADER_BYTES}")
        representation = int.from_bytes(message[:2], "big")
        if representation not in _PLAIN_REPRESENTATIONS:
            raise ImageError(f"a serialised message has representation {representation:#06x}; expected plain CDR")
        self._message = message
        self._position = _HEADER_BYTES
        self._order = "<" if representation & 1 else ">"

    def int32(self) -> int:
        """Read a signed integer of 32 bits."""
        return self._number("i")

    def uint32(self) -> int:
        """Read an unsigned integer of 32 bits."""
        return self._number("I")

    def uint8(self) -> int:
        """Read one byte."""
        return self._message[self._skip(1)]

    def string(self) -> str:
        """Read a string; bytes that are no UTF-8 are replaced."""
        length = self.uint32()
        start = self._skip(length)
        return self._message[start : start + length].rstrip(b"\0").decode("utf-8", "replace")

    def byte_sequence(self) -> NDArray[np.uint8]:
        """Read a sequence of bytes: a view of the message, uint8 `[N]`."""
        length = self.uint32()
        return np.frombuffer(self._message, np.uint8, length, self._skip(length))

    def _number(self, kind: str) -> int:
        self._position += -self._position % 4
        value: int = struct.unpack_from(self._order + kind, self._message, self._skip(4))[0]
        return value

    def _skip(self, count: int) -> int:
        start = self._position
        if start + count > len(self._message):
            raise ImageError(f"a serialised message of {len(self._message)} bytes ends at byte {start} of a longer one")
        self._position = start + count
        return start
