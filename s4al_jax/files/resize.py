"""Pictures, logits and label maps at another size."""

import numpy as np
from PIL import Image


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture at another size: averaged along an axis that shrinks, else interpolated.

    `image` is RGB or a single channel, of uint8 or float32, or any number of bands, of uint8.
    """
    if image.ndim == 3 and image.shape[-1] != 3:
        # Pillow would take a fourth band for transparency.
        bands = [resize_image(band, height, width) for band in np.moveaxis(image, -1, 0)]
        return np.stack(bands, axis=-1)
    picture = Image.fromarray(image)
    for size in ((width, picture.height), (width, height)):
        smaller = size[0] < picture.width or size[1] < picture.height
        how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
        picture = picture.resize(size, how)
    return np.array(picture)


def argmax_at_size(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 `[height, width]`: the class with the largest of `logits` `[h, w, classes]` there.

    Each class's logits are brought to that size as a picture is.
    """
    best = resize_image(np.ascontiguousarray(logits[..., 0]), height, width)
    labels = np.zeros((height, width), np.uint8)
    for index in range(1, logits.shape[-1]):
        plane = resize_image(np.ascontiguousarray(logits[..., index]), height, width)
        better = plane > best
        best[better], labels[better] = plane[better], index
    return labels


def resize_ids(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A label map at another size: each pixel is that of the old one which lies nearest."""
    rows, cols = nearest_indices(labels.shape[0], height), nearest_indices(labels.shape[1], width)
    return labels[np.ix_(rows, cols)]


def nearest_indices(length: int, new_length: int) -> np.ndarray:
    """int64 `[new_length]`: for each pixel along a resized axis, the old one in its middle."""
    return (2 * np.arange(new_length) + 1) * length // (2 * new_length)
