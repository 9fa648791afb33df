"""The 19 evaluated Cityscapes classes: ids, names and colors, the one table of the package.

Source: Cordts et al., The Cityscapes Dataset, CVPR 2016; ids and colors of cityscapesScripts, `labels.py`.
"""

from __future__ import annotations

from fishy_ros.types import SemanticClass

ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, TRAFFIC_LIGHT, TRAFFIC_SIGN, VEGETATION, TERRAIN = range(10)
SKY, PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE = range(10, 19)
"""Train ids; 255, `types.IGNORED`, stands for every other class."""

LABEL_IDS: tuple[int, ...] = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Label ids of the classes; the position is the train id."""

CITYSCAPES_CLASSES: tuple[SemanticClass, ...] = (
    SemanticClass(0, "road", (128, 64, 128)),
    SemanticClass(1, "sidewalk", (244, 35, 232)),
    SemanticClass(2, "building", (70, 70, 70)),
    SemanticClass(3, "wall", (102, 102, 156)),
    SemanticClass(4, "fence", (190, 153, 153)),
    SemanticClass(5, "pole", (153, 153, 153)),
    SemanticClass(6, "traffic light", (250, 170, 30)),
    SemanticClass(7, "traffic sign", (220, 220, 0)),
    SemanticClass(8, "vegetation", (107, 142, 35)),
    SemanticClass(9, "terrain", (152, 251, 152)),
    SemanticClass(10, "sky", (70, 130, 180)),
    SemanticClass(11, "person", (220, 20, 60)),
    SemanticClass(12, "rider", (255, 0, 0)),
    SemanticClass(13, "car", (0, 0, 142)),
    SemanticClass(14, "truck", (0, 0, 70)),
    SemanticClass(15, "bus", (0, 60, 100)),
    SemanticClass(16, "train", (0, 80, 100)),
    SemanticClass(17, "motorcycle", (0, 0, 230)),
    SemanticClass(18, "bicycle", (119, 11, 32)),
)
"""In order of their train ids; colors are RGB."""
