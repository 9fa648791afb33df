"""Names of topics that belong to each other, as image_transport has them."""

from __future__ import annotations

TRANSPORTS: tuple[str, ...] = ("compressed", "compressedDepth", "theora", "zstd", "ffmpeg", "draco", "foxglove")
"""Plug-ins of image_transport, which publish beside the raw images under their own names."""


def transport_of(topic: str) -> str:
    """Return the transport by which a topic is published; empty for raw images.

    >>> transport_of("/camera/image_raw/compressedDepth")
    'compressedDepth'
    """
    last = topic.rpartition("/")[2]
    return last if last in TRANSPORTS else ""


def base_topic(image_topic: str) -> str:
    """Strip the transport from an image topic: `/camera/image_raw/compressed` gives `/camera/image_raw`."""
    transport = transport_of(image_topic)
    return image_topic.removesuffix(f"/{transport}") if transport else image_topic


def camera_info_topic(image_topic: str) -> str:
    """Name the topic beside an image topic where its calibration is published.

    >>> camera_info_topic("/front/image_raw/compressed")
    '/front/camera_info'
    """
    namespace, slash, _ = base_topic(image_topic).rpartition("/")
    return f"{namespace}{slash}camera_info"
