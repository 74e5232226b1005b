"""DINOv2's vision transformers as backbones: ViT-S/14 and ViT-B/14, without register tokens.

Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; Oquab et al., "DINOv2: learning
robust visual features without supervision", TMLR 2024. Modules have the names of the published
files, `dinov2_vits14_pretrain.pth` and `dinov2_vitb14_pretrain.pth`, with "_" for "."; of their 175
tensors only `mask_token` is not needed.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.weights import torchvision_name
from s4al_jax.ops.bicubic import bicubic
from s4al_jax.ops.matmul import matmul
from s4al_jax.ops.remat import save_for_backward
from s4al_jax.ops.resize import Formulation, bilinear_align_corners
from s4al_jax.types import InputError

PATCH = 14
"""Rows and columns of pixels that become a token."""
LEVELS = 4
"""How many maps of features there are: one after each fourth of the blocks."""
NORM_EPS = 1e-6
MLP_RATIO = 4
OFFSET = 0.1
"""What DINOv2 adds to the rows and columns of a grid before it computes the factor of resizing."""

small = nn.initializers.truncated_normal(0.02)


class Linear(nn.Module):
    """A linear layer that computes as a `ConvConfig` says."""

    features: int
    conv: ConvConfig

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b n c"]) -> Float[jax.Array, "b n c2"]:
        """The tokens, of `features` channels."""
        kernel = self.param("kernel", small, (x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        y = _product(x, kernel, self.conv)
        return y + jnp.asarray(bias, self.conv.dtype)[None, None]


class PatchEmbed(nn.Module):
    """A convolution whose kernel is as large as its stride: a product of each patch."""

    features: int
    conv: ConvConfig

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w bands"]) -> Float[jax.Array, "b n c"]:
        """A token for each patch, row by row."""
        batch, height, width, bands = x.shape
        shape = (PATCH, PATCH, bands, self.features)
        kernel = self.param("kernel", small, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        x = x.reshape(batch, height // PATCH, PATCH, width // PATCH, PATCH, bands)
        x = x.swapaxes(2, 3).reshape(batch, -1, PATCH * PATCH * bands)
        y = _product(x, kernel.reshape(-1, self.features), self.conv)
        return y + jnp.asarray(bias, self.conv.dtype)[None, None]


class LayerScale(nn.Module):
    """A factor for each channel, at the end of a branch."""

    conv: ConvConfig

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b n c"]) -> Float[jax.Array, "b n c"]:
        """The tokens, scaled."""
        gamma = self.param("gamma", nn.initializers.ones, (x.shape[-1],), jnp.float32)
        return x * jnp.asarray(gamma, self.conv.dtype)[None, None]


class Block(nn.Module):
    """Attention, then a perceptron; both see normalized tokens and are added to what they saw."""

    heads: int
    conv: ConvConfig

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b n c"]) -> Float[jax.Array, "b n c"]:
        """The tokens after the block."""
        conv, dim = self.conv, x.shape[-1]
        y = layer_norm(conv, "norm1")(x)
        qkv = Linear(3 * dim, conv, name="attn_qkv")(y)
        y = Linear(dim, conv, name="attn_proj")(attention(qkv, self.heads))
        x = x + LayerScale(conv, name="ls1")(y)
        y = layer_norm(conv, "norm2")(x)
        y = Linear(MLP_RATIO * dim, conv, name="mlp_fc1")(y)
        y = Linear(dim, conv, name="mlp_fc2")(jax.nn.gelu(y, approximate=False))
        return x + LayerScale(conv, name="ls2")(y)


class DINOv2S14(nn.Module):
    """Normalized images in; features at stride 14 after each fourth of the blocks.

    Images whose sides are no multiples of 14 are resized to the nearest ones first, bilinearly with
    aligned corners: 360x480 to 364x476, which is 26x34 patches.
    """

    dim: int = 384
    depth: int = 12
    heads: int = 6
    grid: int = 37
    conv: ConvConfig = ConvConfig()

    @staticmethod
    def weight_name(path: tuple[str, ...]) -> str:
        """blocks_0/attn_qkv/kernel is blocks.0.attn.qkv.weight in a file; pos_embed stays."""
        return torchvision_name(path).replace("patch.embed", "patch_embed")

    def layer_depth(self, path: tuple[str, ...]) -> int:
        """Patches and positions are at depth 0, blocks from 1 on; norm is with the last one."""
        if path[0] == "norm":
            return self.depth
        return 1 + int(path[0].removeprefix("blocks_")) if path[0].startswith("blocks_") else 0

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups
    ) -> tuple[Float[jax.Array, "b h14 w14 dim"], ...]:
        """Four maps of one size, of `dim` channels each; the last one is the deepest."""
        del groups
        self._check()
        conv = self.conv
        x = resize_to_patches(x, conv.formulations.resize)
        rows, cols = (side // PATCH for side in x.shape[1:3])
        tokens = PatchEmbed(self.dim, conv, name="patch_embed_proj")(x)
        cls_token = self.param("cls_token", small, (1, 1, self.dim), jnp.float32)
        table = self.param("pos_embed", small, (1, 1 + self.grid**2, self.dim), jnp.float32)
        tokens = tokens + positions(table[0, 1:], (rows, cols)).astype(conv.dtype)[None]
        first = (cls_token + table[:, :1]).astype(conv.dtype)
        first = jnp.broadcast_to(first, (len(x), 1, self.dim))
        tokens = jnp.concatenate([first, tokens], axis=1)
        norm, maps = layer_norm(conv, "norm"), []
        for index in range(self.depth):
            tokens = Block(self.heads, conv, name=f"blocks_{index}")(tokens)
            if (index + 1) % (self.depth // LEVELS) == 0:
                maps.append(norm(tokens)[:, 1:].reshape(len(x), rows, cols, self.dim))
        return tuple(maps)

    def _check(self) -> None:
        if self.depth < LEVELS or self.depth % LEVELS:
            raise InputError(f"the backbone's depth is {self.depth}: give a multiple of {LEVELS}")
        if min(self.dim, self.heads, self.grid) < 1 or self.dim % self.heads:
            raise InputError(
                f"the backbone's dim is {self.dim}, its heads {self.heads}, its grid {self.grid}: "
                "give 1 or more, and heads that divide dim"
            )


class DINOv2B14(DINOv2S14):
    """As DINOv2S14, twice as wide."""

    dim: int = 768
    heads: int = 12


def layer_norm(conv: ConvConfig, name: str) -> nn.LayerNorm:
    """Layer normalization with moments in float32."""
    return nn.LayerNorm(NORM_EPS, dtype=conv.dtype, use_fast_variance=False, name=name)


def attention(qkv: Float[jax.Array, "b n c3"], heads: int) -> Float[jax.Array, "b n c"]:
    """Each token's mean of all values, weighted by how well its query fits their keys.

    Args:
      qkv: queries, keys and values side by side, each of them head by head.
      heads: how many.
    """
    batch, count, channels = qkv.shape
    dim = channels // (3 * heads)
    query, key, value = jnp.moveaxis(qkv.reshape(batch, count, 3, heads, dim), (2, 3), (0, 2))
    exact = jnp.promote_types(qkv.dtype, jnp.float32)
    fit = jnp.einsum("bhnd,bhmd->bhnm", query * dim**-0.5, key, preferred_element_type=exact)
    weights = jax.nn.softmax(fit, axis=-1).astype(qkv.dtype)
    found = jnp.einsum("bhnm,bhmd->bnhd", weights, value)
    return save_for_backward(found.reshape(batch, count, heads * dim))


def positions(table: Float[jax.Array, "n c"], size: tuple[int, int]) -> Float[jax.Array, "n2 c"]:
    """The embeddings of a square grid of positions, for a grid of rows and columns."""
    side = round(len(table) ** 0.5)
    if size == (side, side):
        return table
    factors = ((size[0] + OFFSET) / side, (size[1] + OFFSET) / side)
    return bicubic(table.reshape(side, side, -1), size, factors).reshape(size[0] * size[1], -1)


def resize_to_patches(
    x: Float[jax.Array, "b h w bands"], formulation: Formulation = "gather"
) -> Float[jax.Array, "b h2 w2 bands"]:
    """The images with sides that are the nearest multiples of 14, and at least 14."""
    height, width = (max(1, int(side / PATCH + 0.5)) * PATCH for side in x.shape[1:3])
    if x.shape[1:3] == (height, width):
        return x
    return bilinear_align_corners(x, (height, width), formulation=formulation)


def _product(x: jax.Array, kernel: jax.Array, conv: ConvConfig) -> jax.Array:
    """The product of all tokens with a kernel, kept for the gradient."""
    flat = x.reshape(-1, x.shape[-1]).astype(conv.dtype)
    y = matmul(flat, jnp.asarray(kernel, conv.dtype), conv.matmul_dtype)
    return save_for_backward(y.reshape(*x.shape[:-1], -1))
