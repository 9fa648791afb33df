"""A stand-in for `vision_msgs.msg` where it is not installed: the same fields, and values of their types only.

The fields are those of vision_msgs 4, of Humble and later. As in generated classes, an unknown field is an
AttributeError and a value of another type an AssertionError.
"""

from __future__ import annotations

from typing import Any, ClassVar

from geometry_msgs.msg import PoseWithCovariance
from std_msgs.msg import Header


class _Message:
    FIELDS: ClassVar[dict[str, type]] = {}

    def __init__(self, **values: Any) -> None:
        for name, kind in self.FIELDS.items():
            object.__setattr__(self, name, kind())
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.FIELDS:
            raise AttributeError(f"{type(self).__name__} has no field {name}")
        assert isinstance(value, self.FIELDS[name]), f"{name} is {value!r}, expected {self.FIELDS[name]}"
        object.__setattr__(self, name, value)


class Point2D(_Message):
    FIELDS: ClassVar = {"x": float, "y": float}


class Pose2D(_Message):
    FIELDS: ClassVar = {"position": Point2D, "theta": float}


class BoundingBox2D(_Message):
    FIELDS: ClassVar = {"center": Pose2D, "size_x": float, "size_y": float}


class ObjectHypothesis(_Message):
    FIELDS: ClassVar = {"class_id": str, "score": float}


class ObjectHypothesisWithPose(_Message):
    FIELDS: ClassVar = {"hypothesis": ObjectHypothesis, "pose": PoseWithCovariance}


class Detection2D(_Message):
    FIELDS: ClassVar = {"header": Header, "results": list, "bbox": BoundingBox2D, "id": str}


class Detection2DArray(_Message):
    FIELDS: ClassVar = {"header": Header, "detections": list}


class VisionClass(_Message):
    FIELDS: ClassVar = {"class_id": int, "class_name": str}


class LabelInfo(_Message):
    FIELDS: ClassVar = {"header": Header, "class_map": list, "threshold": float}
