"""Active and semi-supervised learning for semantic segmentation, in JAX."""

__version__ = "0.1.0"
