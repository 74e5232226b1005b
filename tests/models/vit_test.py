"""DINOv2's transformers: their files, their positions, and images of any size."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models import vit, weights
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.vit import DINOv2B14, DINOv2S14, attention, positions, resize_to_patches
from s4al_jax.types import InputError
from tests.support.variable_shapes import variable_shapes

NARROW = {"dim": 32, "depth": 4, "heads": 2, "grid": 5}


def published(dim: int, depth: int = 12) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in DINOv2's files."""
    found: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, dim),
        "pos_embed": (1, 1370, dim),
        "mask_token": (1, dim),
        "patch_embed.proj.weight": (dim, 3, 14, 14),
        "patch_embed.proj.bias": (dim,),
        "norm.weight": (dim,),
        "norm.bias": (dim,),
    }
    for index in range(depth):
        layers = {"attn.qkv": (3 * dim, dim), "attn.proj": (dim, dim)}
        layers |= {"mlp.fc1": (4 * dim, dim), "mlp.fc2": (dim, 4 * dim)}
        found |= {f"blocks.{index}.{name}.weight": shape for name, shape in layers.items()}
        found |= {f"blocks.{index}.{name}.bias": shape[:1] for name, shape in layers.items()}
        for norm in ("norm1", "norm2"):
            found |= {f"blocks.{index}.{norm}.{part}": (dim,) for part in ("weight", "bias")}
        found |= {f"blocks.{index}.{scale}.gamma": (dim,) for scale in ("ls1", "ls2")}
    return found


def test_all_tensors_of_the_published_file_but_the_mask_token_are_loaded():
    shapes = variable_shapes(DINOv2S14(), (98, 126))
    tensors = {name: np.broadcast_to(np.float32(0), s) for name, s in published(384).items()}
    assert len(tensors) == 175
    file = weights.TORCHVISION._replace(tensors=tensors, source="dinov2.pth")
    _, report = weights.fill(file, shapes, DINOv2S14.weight_name)
    assert report.unused == ("mask_token",) and len(report.loaded) == 174
    # As published, less the mask token.
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 22_056_576 - 384


def test_the_wider_one_has_the_tensors_of_its_own_file():
    wanted = {name: int(np.prod(shape)) for name, shape in published(768).items()}
    assert sum(wanted.values()) == 86_580_480
    shapes = variable_shapes(DINOv2B14(), (42, 56))["params"]
    found = {
        DINOv2B14.weight_name(tuple(step.key for step in steps)): leaf.size
        for steps, leaf in jax.tree_util.tree_flatten_with_path(shapes)[0]
    }
    assert found == {name: size for name, size in wanted.items() if name != "mask_token"}


def test_a_side_becomes_the_nearest_multiple_of_14_and_corners_stay_where_they_are():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 30, 39, 3)), jnp.float32)
    found = np.asarray(resize_to_patches(x))
    assert found.shape == (1, 28, 42, 3)
    for row, col in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        np.testing.assert_allclose(found[0, row, col], x[0, row, col], atol=1e-5)
    assert resize_to_patches(jnp.asarray(found)).shape == found.shape

    def sides(*size):
        image = jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)
        return jax.eval_shape(resize_to_patches, image).shape[1:3]

    assert sides(360, 480) == (26 * 14, 34 * 14) and sides(96, 128) == (7 * 14, 9 * 14)
    assert sides(798, 800) == (57 * 14, 57 * 14)
    # Half way is rounded up, and there is no picture without a patch.
    assert sides(21, 20) == (28, 14) and sides(7, 1) == (14, 14)


def test_all_four_maps_have_the_size_of_the_grid():
    call = functools.partial(DINOv2S14(**NARROW).init_with_output, groups=None)
    image = jax.ShapeDtypeStruct((2, 360, 480, 3), jnp.float32)
    found = jax.eval_shape(call, jax.random.key(0), image)[0]
    assert [level.shape for level in found] == [(2, 26, 34, 32)] * 4


def test_positions_are_exact_on_their_own_grid_and_moved_by_a_tenth_of_a_patch_elsewhere():
    table = jnp.asarray([[float(row)] for row in range(5) for _ in range(5)])
    assert positions(table, (5, 5)) is table
    # 5 rows of 7 columns: rows are read at (i + .5) * 5 / 5.1 - .5 all the same, the middle one at
    # 2.5 * 5 / 5.1 - .5 = 1.95098. There the table is a ramp, on which the kernel is not linear:
    # 1.25 d^3 - 2.25 d^2 + 1 at .95098 and .04902, -.75 (d^3 - 5 d^2 + 8 d - 4) at 1.95098 and
    # 1.04902 are .0401, .9947, -.0017 and -.0332.
    found = np.asarray(positions(table, (5, 7))).reshape(5, 7)
    wanted = 1 * 0.04007 + 2 * 0.99474 + 3 * -0.03324 + 0 * -0.00171
    np.testing.assert_allclose(found[2], wanted, atol=2e-3)


def test_attention_is_each_head_s_mean_of_values_by_their_fit():
    rng = np.random.default_rng(0)
    qkv = rng.normal(size=(2, 5, 12)).astype(np.float32)
    found = np.asarray(attention(jnp.asarray(qkv), 2))
    for image in range(2):
        for head in range(2):
            query, key, value = (
                qkv[image, :, part * 4 + head * 2 : part * 4 + head * 2 + 2] for part in range(3)
            )
            for token in range(5):
                fit = np.exp(key @ query[token] / np.sqrt(2.0))
                wanted = (fit / fit.sum()) @ value
                mine = found[image, token, head * 2 : head * 2 + 2]
                np.testing.assert_allclose(mine, wanted, atol=1e-5)


def test_layers_compute_in_the_type_that_is_asked_for_and_maps_have_it():
    model = DINOv2S14(**NARROW, conv=ConvConfig(dtype=jnp.bfloat16))
    shapes = variable_shapes(model, (28, 42))
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    image = jax.ShapeDtypeStruct((1, 28, 42, 3), jnp.float32)
    text = str(jax.make_jaxpr(lambda v, x: model.apply(v, x, groups=None))(shapes, image))
    products = [line for line in text.splitlines() if "dot_general" in line]
    # Four layers and two products of attention in each block, the patches; all but the two that
    # resize positions and what is added up of attention have small results.
    assert sum("bf16" in line.partition(":")[2].partition("=")[0] for line in products) >= 21
    found = jax.eval_shape(lambda v, x: model.apply(v, x, groups=None), shapes, image)
    assert {level.dtype for level in found} == {jnp.dtype("bfloat16")}


def test_what_it_cannot_be_is_refused():
    for depth in (0, 2, 6):
        with pytest.raises(InputError, match=f"depth is {depth}: give a multiple of 4"):
            variable_shapes(DINOv2S14(depth=depth))
    with pytest.raises(InputError, match="dim is 32, its heads 5, its grid 37: .* divide dim"):
        variable_shapes(DINOv2S14(dim=32, heads=5))
    assert vit.LEVELS == 4
