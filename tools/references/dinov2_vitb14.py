"""DINOv2's ViT-B/14 under a DPT of twice the width."""

from typing import Any

import torch

from tools.references.dinov2_vits14 import Net

WIDE = {"features": 128, "channels": (96, 192, 384, 768)}
MODEL: dict[str, Any] = {
    "backbone": {"name": "dinov2_vitb14", "kwargs": {}},
    "head": {"name": "dpt", "kwargs": WIDE},
}
SIZES = ((42, 56), (50, 75))
CONVENTIONS: dict[str, Any] = {}


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(768, 12, 128, (96, 192, 384, 768))
