"""Names of topics that belong to each other, as image_transport has them."""

from __future__ import annotations


def base_topic(image_topic: str) -> str:
    """Strip the transport from an image topic: `/camera/image_raw/compressed` gives `/camera/image_raw`."""
    return image_topic.removesuffix("/compressed")


def camera_info_topic(image_topic: str) -> str:
    """Name the topic beside an image topic where its calibration is published.

    >>> camera_info_topic("/front/image_raw/compressed")
    '/front/camera_info'
    """
    namespace, slash, _ = base_topic(image_topic).rpartition("/")
    return f"{namespace}{slash}camera_info"
