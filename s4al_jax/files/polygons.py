"""Polygons drawn as masks: a pixel belongs to a polygon if its center does."""

import numpy as np


def polygon_mask(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """bool `[height, width]`: the pixels whose centers lie in a closed polygon.

    Args:
      points: float `[corners, 2]`, x to the right and y down, in pixels; 0, 0 is the upper left
        corner of the picture, so that the first pixel has its center at 0.5, 0.5.
      height: of the picture.
      width: of it.

    A center is inside if a ray to its left crosses the outline an odd number of times. Of a center
    on the outline it belongs to what is below or right of it, so that two polygons with a common
    edge share no pixel.
    """
    crossed = np.zeros((height, width + 1), bool)
    for (x, y), (next_x, next_y) in zip(points, np.roll(points, -1, axis=0), strict=True):
        # The rows whose centers lie at or below the upper end of the edge, and above the lower.
        ends = np.clip(np.ceil(np.array(sorted((y, next_y))) - 0.5), 0, height).astype(int)
        rows = np.arange(*ends)
        if not rows.size:
            continue
        # From the same end whichever way the edge is walked: neighbors agree to the last bit.
        (top_x, top_y), (low_x, low_y) = ((x, y), (next_x, next_y))
        if top_y > low_y:
            (top_x, top_y), (low_x, low_y) = (low_x, low_y), (top_x, top_y)
        at = top_x + (rows + 0.5 - top_y) * (low_x - top_x) / (low_y - top_y)
        first = np.clip(np.ceil(at - 0.5), 0, width).astype(int)
        # Everything from the first pixel right of the edge on changes sides.
        crossed[rows, first] ^= True
    return np.logical_xor.accumulate(crossed, axis=1)[:, :-1]
