"""A sample whose picture and mask are files."""

from functools import partial
from pathlib import Path

from s4al_jax.data.classes import ClassList
from s4al_jax.data.folder_files import Mask
from s4al_jax.data.instance_masks import class_codes, read_instances
from s4al_jax.data.masks import read_mask
from s4al_jax.data.samples import Sample
from s4al_jax.files.images import image_file
from s4al_jax.files.stamps import joint_stamp, stamp


def file_sample(
    image: Path,
    mask: Mask | None,
    classes: ClassList,
    max_pixels: int,
    *,
    nearest_color: bool = False,
    overlap: str = "refuse",
) -> Sample:
    """A picture, and its mask if there is one, read when they are needed.

    Args:
      image: the file of the picture.
      mask: that of its mask, or several.
      classes: what there is to be told apart.
      max_pixels: a file with more is refused.
      nearest_color: for masks in colors, see `nearest_colors`.
      overlap: for masks of one class each, see `instance_masks`.
    """
    picture = image_file(image, max_pixels)
    if mask is None:
        return Sample(picture)
    if isinstance(mask, tuple):
        return _sample_of_instances(image, mask, classes, max_pixels, overlap)
    file = image_file(mask, max_pixels)
    # The mask is read against the picture's size.
    return Sample(
        picture,
        partial(read_mask, file, picture, classes, nearest=nearest_color),
        lambda: joint_stamp(file.stamp(), picture.stamp(), classes.stamp, stamp(nearest_color)),
    )


def _sample_of_instances(
    image: Path, masks: tuple[Path, ...], classes: ClassList, max_pixels: int, overlap: str
) -> Sample:
    picture, codes = image_file(image, max_pixels), class_codes(masks, classes)
    files = [image_file(mask, max_pixels) for mask in masks]
    made_how = stamp(classes.stamp, codes, overlap)
    return Sample(
        picture,
        partial(read_instances, files, codes, picture, classes, overlap),
        lambda: joint_stamp(*(file.stamp() for file in (*files, picture)), made_how),
    )
