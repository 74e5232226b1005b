"""ClassMix: which classes are cut out of one image, and how they are pasted onto another.

Everything has a static shape: a set of classes is a row of booleans, a random subset is read off
the ranks of random numbers, so one compilation serves every label map.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Int, UInt8

from s4al_jax.learn.augment import View
from s4al_jax.learn.feature_views import paste_cells
from s4al_jax.types import VOID


def present_classes(
    labels: UInt8[jax.Array, "b h w"], num_classes: int
) -> Bool[jax.Array, "b {num_classes}"]:
    """For each image, which classes have at least one pixel."""
    classes = jnp.arange(num_classes, dtype=labels.dtype)
    return (labels[..., None] == classes[None, None, None, :]).any((1, 2))


def random_subset(
    key: jax.Array, members: Bool[jax.Array, "b k"], count: Int[jax.Array, " b"]
) -> Bool[jax.Array, "b k"]:
    """`count` members of each row, every subset as likely as any other; all if there are fewer."""
    noise = jnp.where(members, jax.random.gumbel(key, members.shape), -jnp.inf)
    mine, others = noise[:, :, None], noise[:, None, :]
    earlier = jnp.tri(members.shape[1], k=-1, dtype=bool)[None]
    # ranks by comparison: for so few classes less work, to compile and to run, than a sort
    rank = ((others > mine) | ((others == mine) & earlier)).sum(2)
    return members & (rank < count[:, None])


def classmix_classes(
    key: jax.Array, labels: UInt8[jax.Array, "b h w"], num_classes: int
) -> Bool[jax.Array, "b {num_classes}"]:
    """Half (rounded down) of the classes that each image shows, drawn uniformly."""
    present = present_classes(labels, num_classes)
    return random_subset(key, present, present.sum(1) // 2)


def balanced_classes(
    key: jax.Array,
    head: Bool[jax.Array, " k"],
    tail: Bool[jax.Array, " k"],
    *,
    batch: int,
    head_draws: int,
    tail_draws: int,
) -> Bool[jax.Array, "{batch} k"]:
    """For each image some of all head classes and, drawn separately, some of all tail classes.

    As the authors do, whether the image shows the classes is not asked.
    """

    def draw(key: jax.Array, members: jax.Array, count: int) -> jax.Array:
        rows = jnp.broadcast_to(members[None, :], (batch, members.shape[0]))
        return random_subset(key, rows, jnp.full((batch,), count))

    head_key, tail_key = jax.random.split(key)
    return draw(head_key, head, head_draws) | draw(tail_key, tail, tail_draws)


def class_mask(
    labels: UInt8[jax.Array, "b h w"], classes: Bool[jax.Array, "b k"]
) -> Bool[jax.Array, "b h w"]:
    """The pixels of each image that belong to its `classes`; never void or unlabeled ones."""

    def look_up(row: jax.Array, ids: jax.Array) -> jax.Array:
        return row.at[ids.astype(jnp.int32)].get(mode="fill", fill_value=False)

    return jax.vmap(look_up)(classes, labels)


def paste(mask: Bool[jax.Array, "b h w"], source: View, target: View) -> View:
    """`source` where the mask is on, else `target`: image, label and confidence alike.

    Features of a frozen backbone are coarser than the mask, see `paste_cells`.
    """
    if source.image.shape[1:3] != mask.shape[1:]:
        return paste_cells(mask, source, target)

    def choose(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(mask.reshape(mask.shape + (1,) * (new.ndim - 3)), new, old)

    return jax.tree.map(choose, source, target)


def mix_in_batch(key: jax.Array, view: View, before: View, num_classes: int) -> View:
    """ClassMix: half of the classes of what is `before` an image in its batch, pasted onto it."""
    mask = class_mask(before.label, classmix_classes(key, before.label, num_classes))
    return paste(mask, before, view)


def mix_from_replay(
    replayed: View,
    view: View,
    classes: Bool[jax.Array, "r k"],
    shown: Bool[jax.Array, " r"],
) -> View:
    """These classes of the replayed images pasted onto the view; at most as many as the view has.

    Where no image was replayed (`shown` is False) there is nothing to learn: all is void.
    """
    count = min(replayed.image.shape[0], view.image.shape[0])
    replayed, view, classes, shown = jax.tree.map(
        lambda values: values[:count], (replayed, view, classes, shown)
    )
    mixed = paste(class_mask(replayed.label, classes), replayed, view)
    return mixed._replace(label=jnp.where(shown[:, None, None], mixed.label, jnp.uint8(VOID)))
