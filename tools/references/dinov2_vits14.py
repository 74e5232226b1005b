"""DINOv2's ViT-S/14 under DPT in plain PyTorch, with the names of the published file."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tools.parity_numbers import CLASSES
from tools.references.deeplab_heads import resize

MODEL: dict[str, Any] = {
    "backbone": {"name": "dinov2_vits14", "kwargs": {}},
    "head": {"name": "dpt", "kwargs": {}},
}
SIZES = ((70, 98), (50, 117))
CONVENTIONS: dict[str, Any] = {}

NARROW = {"dim": 32, "depth": 4, "heads": 2, "grid": 5}
SMALL_MODEL = {
    "backbone": {"name": "dinov2_vits14", "kwargs": NARROW},
    "head": {"name": "dpt", "kwargs": {"features": 8, "channels": (6, 8, 10, 12)}},
}
SMALL_SIZE = (28, 43)


class Attention(nn.Module):
    """The usual one, with queries, keys and values from one layer."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The tokens after attention."""
        batch, count, dim = x.shape
        qkv = self.qkv(x).reshape(batch, count, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        fit = (q * (dim // self.heads) ** -0.5) @ k.transpose(-2, -1)
        found = fit.softmax(dim=-1) @ v
        return self.proj(found.transpose(1, 2).reshape(batch, count, dim))


class LayerScale(nn.Module):
    """A factor for each channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The tokens, scaled."""
        return x * self.gamma


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The tokens after both."""
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention and perceptron."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(dim, eps=1e-6), Attention(dim, heads)
        self.norm2, self.mlp = nn.LayerNorm(dim, eps=1e-6), Mlp(dim)
        self.ls1, self.ls2 = LayerScale(dim), LayerScale(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The tokens after the block."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The unit's output."""
        return x + self.conv2(functional.relu(self.conv1(functional.relu(x))))


class Refine(nn.Module):
    """A fusion block; the coarsest one has a unit that nothing goes through."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.unit1, self.unit2 = ResidualUnit(features), ResidualUnit(features)
        self.out = nn.Conv2d(features, features, 1)

    def forward(self, x: torch.Tensor, level: Any, size: Sequence[int]) -> torch.Tensor:
        """The sum of both, refined, at a size."""
        if level is not None:
            x = x + self.unit1(level)
        return self.out(resize(self.unit2(x), size))


class Net(nn.Module):
    """The transformer's parts, and those of the head beside them."""

    def __init__(
        self,
        dim: int,
        heads: int,
        features: int,
        channels: Sequence[int],
        depth: int = 12,
        grid: int = 37,
    ) -> None:
        super().__init__()
        self.depth, self.grid = depth, grid
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, dim, 14, 14)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid * grid, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.projects = nn.ModuleList(nn.Conv2d(dim, wide, 1) for wide in channels)
        first, second, _, last = channels
        self.resize = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, 4, 4),
                nn.ConvTranspose2d(second, second, 2, 2),
                nn.Identity(),
                nn.Conv2d(last, last, 3, 2, 1),
            ]
        )
        self.scratch = nn.ModuleList(
            nn.Conv2d(wide, features, 3, padding=1, bias=False) for wide in channels
        )
        for number in (4, 3, 2, 1):
            setattr(self, f"refine{number}", Refine(features))
        self.output = nn.Conv2d(features, features, 3, padding=1)
        self.classify = nn.Conv2d(features, CLASSES, 1)

    def positions(self, rows: int, cols: int) -> torch.Tensor:
        """The table for a grid of rows and columns, as DINOv2's code resizes it."""
        if rows == cols == self.grid:
            return self.pos_embed
        table = self.pos_embed[:, 1:].reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        factors = ((rows + 0.1) / self.grid, (cols + 0.1) / self.grid)
        table = functional.interpolate(table, scale_factor=factors, mode="bicubic")
        assert table.shape[2:] == (rows, cols)
        return torch.cat([self.pos_embed[:, :1], table.flatten(2).transpose(1, 2)], 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """All stages, and the logits at the size of the images."""
        found: dict[str, torch.Tensor] = {}
        image = x.shape[2:]
        rows, cols = (int(side / 14 + 0.5) for side in image)
        if image != (14 * rows, 14 * cols):
            x = resize(x, (14 * rows, 14 * cols))
        tokens = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], 1)
        tokens = tokens + self.positions(rows, cols)
        maps: list[torch.Tensor] = []
        for index, block in enumerate(self.blocks):
            tokens = found[f"backbone/blocks_{index}"] = block(tokens)
            if index % (self.depth // 4) == self.depth // 4 - 1:
                level = self.norm(tokens)[:, 1:].transpose(1, 2).reshape(len(x), -1, rows, cols)
                found[f"backbone.{len(maps)}"] = level
                maps.append(level)
        parts = zip(self.projects, self.resize, self.scratch, maps, strict=True)
        levels = [scratch(change(project(y))) for project, change, scratch, y in parts]
        y = found["refine4"] = self.refine4(levels[3], None, levels[2].shape[2:])
        y = found["refine3"] = self.refine3(y, levels[2], levels[1].shape[2:])
        y = found["refine2"] = self.refine2(y, levels[1], levels[0].shape[2:])
        twice = [2 * side for side in levels[0].shape[2:]]
        y = found["refine1"] = self.refine1(y, levels[0], twice)
        y = found["output"] = self.output(y)
        found["logits"] = resize(self.classify(functional.relu(y)), image)
        return found


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(384, 6, 64, (48, 96, 192, 384))


def build_small(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(32, 2, 8, (6, 8, 10, 12), depth=4, grid=5)
