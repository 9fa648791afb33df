"""Read the `format` of a `sensor_msgs/CompressedImage` as the plug-ins of image_transport write it.

`ENCODING; CODEC compressed TARGET`: the encoding of the image before it was compressed, the codec, and the encoding
that was handed to the codec. Drivers also write the codec alone (`jpeg`), leave out spaces or parts, or use the names
of GenICam (`BayerRG8`).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

ChannelOrder = Literal["auto", "file", "format"]
CHANNEL_ORDERS: tuple[ChannelOrder, ...] = ("auto", "file", "format")
"""Whose word counts for the order of red and blue; see `CompressedFormat.swaps_channels`."""

_PATTERNS = {"rg": "rggb", "bg": "bggr", "gb": "gbrg", "gr": "grbg"}
"""GenICam names a pattern by its first two pixels, ROS by its first four."""
_BAYER = re.compile(r"bayer_?(rggb|bggr|gbrg|grbg|rg|bg|gb|gr)_?(\d{1,2})?")
_COLOR = re.compile(r"(rgb|bgr)a?\d*")
_CODECS = ("jpeg", "jpg", "png", "tiff", "tif", "webp", "bmp")


@dataclass(frozen=True)
class CompressedFormat:
    """What a `format` says."""

    text: str
    """The whole, as it was published."""
    source: str
    """Encoding before compression, such as `bayer_rggb8`; empty where it is not stated."""
    codec: str
    """`jpeg`, `png`, `tiff`, ...; empty where it is not stated."""
    target: str
    """Encoding that was handed to the codec, such as `bgr8`; empty where it is not stated."""
    bayer: str
    """The Bayer pattern, such as `rggb`, of a picture that is a mosaic; empty where there is none."""
    bayer_bits: int
    """Bits of a sample of the mosaic that are used."""

    @property
    def is_depth(self) -> bool:
        """Whether this is how depth cameras publish distances: 16UC1 or 32FC1 (REP 118), or compressedDepth."""
        return self.source in {"16uc1", "32fc1"} or "compresseddepth" in self.text.lower()

    @property
    def has_lost_colors(self) -> bool:
        """Whether a color camera's image was compressed as grey, as compressed_image_transport does with YUV."""
        return self.source.startswith(("yuv", "uyvy", "yuyv", "nv")) and self.target == "mono8"

    @property
    def has_color_target(self) -> bool:
        """Whether a color picture was handed to the codec."""
        return bool(_COLOR.fullmatch(self.target))

    def swaps_channels(self, order: ChannelOrder) -> bool:
        """Tell whether red and blue of the decoded file have to be swapped.

        `file` trusts the file, whose standard says which channel is red. `format` reads `format` as the subscriber of
        compressed_image_transport does: `compressed rgb8` means that an RGB array was handed to an encoder that takes
        BGR. Drivers that write `rgb8; jpeg compressed rgb8` disagree about which of the two it is, and most files are
        right. `auto` therefore trusts the file, except for what image_transport itself stores swapped: a TIFF of an
        `rgb8` image, which it hands to the encoder as it is and leaves without a target.
        """
        is_bare_tiff = self.codec == "tiff" and not self.target
        handed = self.source if is_bare_tiff else self.target
        if order == "file" or (order == "auto" and not is_bare_tiff):
            return False
        return handed.startswith("rgb")


@functools.lru_cache(maxsize=64)
def parse_format(text: str) -> CompressedFormat:
    """Take a `format` apart; whatever is not understood is left empty.

    >>> parse_format("bayer_rggb8; png compressed ").bayer
    'rggb'
    >>> parse_format("rgb8; jpeg compressed bgr8").target
    'bgr8'
    """
    words = text.strip().lower()
    source, semicolon, rest = (part.strip() for part in words.partition(";"))
    if not semicolon:
        source, rest = "", words
    codec = next((name for name in _CODECS if re.search(rf"\b{name}\b", rest or source)), "")
    target = rest.partition("compressed")[2].strip() if "compressed" in rest else ""
    bayer, bits = _bayer_of(words)
    return CompressedFormat(text, source, {"jpg": "jpeg", "tif": "tiff"}.get(codec, codec), target, bayer, bits)


def _bayer_of(words: str) -> tuple[str, int]:
    found = _BAYER.search(words)
    if found is None:
        return "", 0
    pattern, bits = found.groups()
    return _PATTERNS.get(pattern, pattern), int(bits or 8)
