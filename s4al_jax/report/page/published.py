"""What the paper reports, to stand beside what was measured here. mIoU and shares in %.

Rangnekar, Kanan and Hoffman, "Semantic Segmentation with Active Semi-Supervised Learning", WACV
2023. Where its tables disagree with each other, each number is that of the table it is quoted for.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Point(NamedTuple):
    """A published mIoU and what it was reached with."""

    method: str
    labeled: float
    """% of the pixels, or of the images where whole images are asked for"""
    miou: float
    std: float | None = None
    source: str = ""


FULLY_SUPERVISED: Mapping[str, Point] = {
    "camvid": Point("supervised", 100.0, 64.5, source="DEAL's, whose setting the paper takes"),
    "cityscapes": Point("supervised", 100.0, 65.30, source="Table 1"),
}
"""With MobileNetV2-DeepLabv3+, by dataset."""

POINTS: Mapping[str, tuple[Point, ...]] = {
    "camvid": (
        Point("S4AL", 13.8, 61.4, 0.6, "Table 3a"),
        Point("DEAL", 40.0, 62.1, source="DEAL's own, whole images"),
        FULLY_SUPERVISED["camvid"],
    ),
    "cityscapes": (
        Point("S4AL", 16.0, 64.80, source="Table 1"),
        Point("Random", 40.0, 59.00, source="Table 1"),
        Point("Entropy", 40.0, 61.46, source="Table 1"),
        Point("Core-Set", 40.0, 60.69, source="Table 1"),
        Point("DEAL", 40.0, 61.64, source="Table 1"),
        FULLY_SUPERVISED["cityscapes"],
    ),
}
"""Beside a curve of mIoU over labels, by dataset; all with MobileNetV2-DeepLabv3+."""
