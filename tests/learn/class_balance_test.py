"""Head and tail: as the labeled pixels say, or as they are named."""

import jax.numpy as jnp
import numpy as np

from s4al_jax.learn.class_balance import class_groups, head_and_tail


def test_the_rule_gives_the_authors_list_for_cityscapes():
    # per cent of labeled pixels in the fine annotations, ids 0 to 18
    shares = [36.9, 6.1, 22.8, 0.66, 0.88, 1.23, 0.21, 0.55, 15.9, 1.16]
    shares += [4.0, 1.22, 0.135, 7.0, 0.27, 0.235, 0.233, 0.099, 0.41]
    head, tail = head_and_tail(np.asarray(shares) * 10**8)
    # road, sidewalk, building, vegetation, sky, car
    np.testing.assert_array_equal(np.flatnonzero(head), [0, 1, 2, 8, 10, 13])
    np.testing.assert_array_equal(tail, ~head)
    on_device, _ = head_and_tail(jnp.asarray(shares))
    np.testing.assert_array_equal(on_device, head)


def test_head_needs_half_of_the_uniform_share_and_at_least_one_pixel():
    head, tail = head_and_tail(np.asarray([125, 124, 751, 0]))  # half of a quarter is 125
    np.testing.assert_array_equal(head, [True, False, True, False])
    np.testing.assert_array_equal(tail, [False, True, False, True])
    everything, _ = head_and_tail(np.asarray([1, 2, 997, 0]), factor=0.0)
    np.testing.assert_array_equal(everything, [True, True, True, False])
    nothing, rest = head_and_tail(np.zeros(3, np.int64))
    assert not nothing.any() and rest.all()


def test_groups_are_as_named_or_the_rest_or_counted():
    pixels = np.asarray([50, 48, 1, 1])
    for head, tail, in_head, in_tail in (
        ((), (), [1, 1, 0, 0], [0, 0, 1, 1]),
        ((0,), (), [1, 0, 0, 0], [0, 1, 1, 1]),
        ((), (1, 3), [1, 0, 1, 0], [0, 1, 0, 1]),
        ((2,), (3,), [0, 0, 1, 0], [0, 0, 0, 1]),
    ):
        groups = class_groups(pixels, head, tail, 0.5)
        np.testing.assert_array_equal(groups, np.asarray([in_head, in_tail], bool))
