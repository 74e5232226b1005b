"""Options that make each backbone and each head small, for tests that trace or run all of them."""

from typing import Any

_TRANSFORMER = {"dim": 16, "depth": 4, "heads": 2, "grid": 5}
NARROW: dict[str, dict[str, Any]] = {
    "dinov2_vitb14": _TRANSFORMER,
    "dinov2_vits14": _TRANSFORMER,
    "drn_d_22": {"width": 0.125},
    "mobilenet_v2": {"width": 0.35},
    "resnet50": {"width": 0.125, "blocks": (1, 1, 1, 1)},
    "resnet101": {"width": 0.125, "blocks": (1, 1, 1, 1)},
    "unet": {"channels": 4, "depth": 2},
    "deeplab_v3": {"aspp_channels": 8, "rates": (1, 2)},
    "deeplab_v3_plus": {"aspp_channels": 8, "low_level_channels": 4, "rates": (1, 2)},
    "dpt": {"features": 4, "channels": (4, 4, 4, 4)},
    "light": {"channels": 8},
}
"""Name -> options; what is not here is small by itself, or has none that make it so."""

NARROW_HEADS: dict[str, dict[str, Any]] = {**NARROW, "unet": {"channels": 4}}
"""The same for heads, of which one has the name of a backbone."""


def narrow_model(backbone: str, head: str) -> dict[str, dict[str, Any]]:
    """The blocks of a network of these two."""
    return {
        "backbone": {"name": backbone, "kwargs": NARROW.get(backbone, {})},
        "head": {"name": head, "kwargs": NARROW_HEADS.get(head, {})},
    }
