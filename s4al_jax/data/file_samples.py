"""A sample whose picture and mask are files."""

from functools import partial
from pathlib import Path

from s4al_jax.data.classes import ClassList
from s4al_jax.data.masks import read_mask
from s4al_jax.data.samples import Sample
from s4al_jax.files.images import image_file
from s4al_jax.files.stamps import joint_stamp


def file_sample(image: Path, mask: Path | None, classes: ClassList, max_pixels: int) -> Sample:
    """A picture, and its mask if there is one, read when they are needed."""
    picture = image_file(image, max_pixels)
    if mask is None:
        return Sample(picture)
    file = image_file(mask, max_pixels)
    # The mask is read against the picture's size.
    return Sample(
        picture,
        partial(read_mask, file, picture, classes),
        lambda: joint_stamp(file.stamp(), picture.stamp(), classes.stamp),
    )
