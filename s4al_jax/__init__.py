"""Active and semi-supervised learning for semantic segmentation, in JAX."""

__version__ = "0.2.0"
